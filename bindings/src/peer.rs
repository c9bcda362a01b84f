//! Who is at the other end of a unix socket.

use std::io;
use std::os::fd::{BorrowedFd, RawFd};

use napi_derive::napi;

use crate::error::{CodedError, coded};

/// Credentials of a process, as the kernel took them when it connected.
#[napi(object)]
pub struct PeerCredentials {
    pub pid: i32,
    pub uid: u32,
    pub gid: u32,
    /// Supplementary groups (SO_PEERGROUPS).
    pub groups: Vec<u32>,
}

/// Credentials of the process at the other end of a connected unix socket. Error code: `NoPeer`.
#[napi]
pub fn peer_credentials(fd: i32) -> Result<PeerCredentials, CodedError> {
    credentials(fd).map_err(|error| coded("NoPeer", format_args!("descriptor {fd} has no peer: {error}")))
}

fn credentials(fd: RawFd) -> io::Result<PeerCredentials> {
    if fd < 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let groups = peer_groups(fd)?;
    // SAFETY: the borrow lasts for this call only, during which Node, whose socket it is, runs nothing else; a descriptor
    // that is not open makes the call fail with EBADF.
    #[allow(unsafe_code)]
    let socket = unsafe { BorrowedFd::borrow_raw(fd) };
    let peer = rustix::net::sockopt::socket_peercred(socket)?;
    Ok(PeerCredentials { pid: peer.pid.as_raw_nonzero().get(), uid: peer.uid.as_raw(), gid: peer.gid.as_raw(), groups })
}

/// rustix has no call for SO_PEERGROUPS (socket(7)).
fn peer_groups(fd: RawFd) -> io::Result<Vec<u32>> {
    let mut groups = vec![0u32; 64];
    loop {
        let mut length = (groups.len() * 4) as libc::socklen_t;
        // SAFETY: the kernel writes at most `length` bytes, which is the vector's size, and u32 has no invalid bits.
        #[allow(unsafe_code)]
        let result = unsafe {
            libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_PEERGROUPS, groups.as_mut_ptr().cast(), &mut length)
        };
        if result == 0 {
            groups.truncate(length as usize / 4);
            return Ok(groups);
        }
        let error = io::Error::last_os_error();
        // Too small: the kernel has put the size that it needs in `length`.
        if error.raw_os_error() != Some(libc::ERANGE) || length as usize <= groups.len() * 4 {
            return Err(error);
        }
        groups.resize(length as usize / 4, 0);
    }
}
