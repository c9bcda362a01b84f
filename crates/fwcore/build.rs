//! Builds the BPF programs of the exact layer where clang is found; without it the crate builds all the same, and the
//! firewall says at run time that the layer is missing.

use std::env;
use std::path::PathBuf;
use std::process::Command;

const SOURCE: &str = "src/process/bpf/attribution.bpf.c";
const SOURCES: &str = "src/process/bpf";

fn main() {
    println!("cargo::rustc-check-cfg=cfg(bpf_object)");
    println!("cargo::rerun-if-changed={SOURCES}");
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else { return };
    let architecture = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let object = out.join("attribution.bpf.o");
    let built = Command::new("clang")
        .args(["-target", "bpf", "-g", "-O2", "-Wall", "-Werror"])
        // Where Debian keeps asm/types.h.
        .arg(format!("-I/usr/include/{architecture}-linux-gnu"))
        .args(["-c", SOURCE, "-o"])
        .arg(&object)
        .output();
    match built {
        Ok(output) if output.status.success() => println!("cargo::rustc-cfg=bpf_object"),
        Ok(output) => {
            let cause = String::from_utf8_lossy(&output.stderr);
            let line = cause.lines().next().unwrap_or("no reason given");
            println!("cargo::warning=no exact attribution: clang refused {SOURCE} ({line}); install libbpf-dev");
        }
        Err(error) => println!("cargo::warning=no exact attribution: clang does not run ({error}); install clang"),
    }
}
