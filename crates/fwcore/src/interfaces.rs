//! Names of interfaces, asked of the kernel at most once a second each.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::net::netdevice::index_to_name_inlined;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::flow::InterfaceName;
use crate::ports::InterfaceNames;

const FRESH: Duration = Duration::from_secs(1);
const MOST: usize = 1024;

/// The names of this network namespace's interfaces.
#[derive(Debug)]
pub struct Interfaces {
    socket: OwnedFd,
    known: HashMap<u32, (InterfaceName, Instant)>,
}

impl Interfaces {
    /// Opens the socket that it asks through.
    ///
    /// # Errors
    /// Where the process has no descriptor left.
    pub fn open() -> io::Result<Self> {
        let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
        Ok(Self { socket, known: HashMap::new() })
    }
}

impl InterfaceNames for Interfaces {
    fn name(&mut self, index: u32) -> InterfaceName {
        if let Some((name, asked)) = self.known.get(&index)
            && asked.elapsed() < FRESH
        {
            return *name;
        }
        let name = index_to_name_inlined(&self.socket, index)
            .map(|name| InterfaceName::new(name.as_str()))
            .unwrap_or_default();
        if self.known.len() >= MOST {
            self.known.clear();
        }
        self.known.insert(index, (name, Instant::now()));
        name
    }
}
