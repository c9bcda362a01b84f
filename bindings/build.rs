//! Passes on what napi needs to link an addon.

fn main() {
    napi_build::setup();
}
