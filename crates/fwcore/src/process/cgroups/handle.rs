//! Opening a control group by its id, which the standard library and rustix have no call for.

use std::ffi::c_int;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::fs::OFlags;

/// FILEID_KERNFS: the handle is the node's id (linux/exportfs.h).
const KERNFS: c_int = 0xfe;

/// `struct file_handle` (open_by_handle_at(2)) with an id of 64 bits.
#[repr(C)]
struct Handle {
    size: u32,
    kind: c_int,
    id: [u8; 8],
}

#[allow(unsafe_code)]
unsafe extern "C" {
    fn open_by_handle_at(mount: c_int, handle: *mut Handle, flags: c_int) -> c_int;
}

/// The directory of a control group that still exists. `hierarchy` is any directory of the mounted hierarchy.
#[allow(unsafe_code)]
pub(super) fn open_cgroup(hierarchy: BorrowedFd<'_>, id: u64) -> Option<OwnedFd> {
    let mut handle = Handle { size: 8, kind: KERNFS, id: id.to_ne_bytes() };
    let flags = (OFlags::PATH | OFlags::CLOEXEC).bits() as c_int;
    // SAFETY: the descriptor is open while it is borrowed, and the handle is as long as its `size` says.
    let descriptor = unsafe { open_by_handle_at(hierarchy.as_raw_fd(), &raw mut handle, flags) };
    // SAFETY: the call has just made this descriptor, and nothing else knows it.
    (descriptor >= 0).then(|| unsafe { OwnedFd::from_raw_fd(descriptor) })
}
