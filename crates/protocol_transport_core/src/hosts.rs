//! Which host is the machine itself.

use std::net::IpAddr;

/// Whether a host, as it is written in an address, is the machine itself: `localhost`, a name below
/// it, a loopback address, or the unspecified one.
#[must_use]
pub fn is_loopback_host(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    match host.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical().is_loopback() || ip.is_unspecified(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_itself_has_several_names() {
        for host in
            ["localhost", "LOCALHOST", "a.localhost", "127.0.0.1", "127.9.9.9", "[::1]", "::1", "0.0.0.0", "[::]"]
        {
            assert!(is_loopback_host(host), "{host}");
        }
        for host in ["", "example.com", "localhost.example.com", "128.0.0.1", "[2001:db8::1]", "notlocalhost"] {
            assert!(!is_loopback_host(host), "{host}");
        }
    }
}
