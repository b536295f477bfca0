//! Which addresses may be called that somebody else has chosen: webhooks, and where keys are said to be.
//!
//! Such an address must not reach into the networks of whoever calls it (server-side request
//! forgery). What counts is not the name but the address that the name has at the moment of
//! connecting; so whoever connects looks the name up once, checks, and connects to just that.

use std::{
    error::Error as StdError,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use url::{Host, Url};

/// Networks that are not the public internet (the IANA registries of special-purpose addresses),
/// and addresses by which clouds tell their machines secrets.
const V4: &[(Ipv4Addr, u32, &str)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8, "unspecified"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "shared by a carrier"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    (Ipv4Addr::new(168, 63, 129, 16), 32, "of a cloud's platform"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "reserved"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "for documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "6to4"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "for benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "for documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "for documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

/// The forms that hold an IPv4 address are refused whatever it is: nobody needs them to be reached.
const V6: &[(Ipv6Addr, u32, &str)] = &[
    (Ipv6Addr::UNSPECIFIED, 128, "unspecified"),
    (Ipv6Addr::LOCALHOST, 128, "loopback"),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 0), 96, "IPv4-compatible"),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, "IPv4-mapped"),
    (Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0), 96, "IPv4-translated"),
    (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96, "NAT64"),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, "NAT64"),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, "unique-local"),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, "link-local"),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, "site-local"),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, "multicast"),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, "Teredo"),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "reserved"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "for documentation"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "6to4"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "for documentation"),
];

/// All that is public of IPv6.
const GLOBAL_UNICAST: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// The last parts of names that are not of the public internet (RFC 6761, 6762; and `internal`, which ICANN
/// keeps for private use).
const LOCAL_NAMES: &[&str] =
    &["corp", "home", "internal", "intranet", "invalid", "lan", "local", "localhost", "private", "test"];

/// What kind of address it is, in a word, if it is not one of the public internet.
pub fn special_use(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => {
            let within = |network: Ipv4Addr, length: u32| (address.to_bits() ^ network.to_bits()) >> (32 - length) == 0;
            V4.iter().find(|(network, length, _)| within(*network, *length)).map(|(_, _, name)| *name)
        }
        IpAddr::V6(address) => {
            let within =
                |network: Ipv6Addr, length: u32| (address.to_bits() ^ network.to_bits()) >> (128 - length) == 0;
            let special = V6.iter().find(|(network, length, _)| within(*network, *length)).map(|(_, _, name)| *name);
            special.or_else(|| (!within(GLOBAL_UNICAST.0, GLOBAL_UNICAST.1)).then_some("reserved"))
        }
    }
}

/// An address that is not called, and why. The text holds the host, and nothing else of the URL.
///
/// To which addresses a name leads is not in the text, which may be told to whoever chose the name,
/// but in the [`source`](StdError::source), which is for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forbidden {
    text: String,
    cause: Option<Box<Forbidden>>,
}

impl Forbidden {
    fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), cause: None }
    }
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for Forbidden {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

/// Decides which addresses may be called: those of the public internet, unless it was told otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    allow_special: bool,
}

impl Guard {
    /// Also lets addresses through that are not of the public internet, loopback and private ones
    /// included: for tests, and where everybody who may choose an address may reach those anyway.
    #[must_use]
    pub fn allow_local_networks(mut self, allow: bool) -> Self {
        self.allow_special = allow;
        self
    }

    /// Reads a URL, and checks what can be told without a lookup: that it is http or https, without
    /// user information, and that its host is no address that may not be called.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn url(self, url: &str) -> Result<Url, Forbidden> {
        let url = Url::parse(url).map_err(|error| Forbidden::new(format!("it is no URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Forbidden::new(format!("its scheme is {}, only http and https are called", url.scheme())));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Forbidden::new("it holds user information"));
        }
        match url.host() {
            Some(Host::Ipv4(address)) => self.address(address.into())?,
            Some(Host::Ipv6(address)) => self.address(address.into())?,
            Some(Host::Domain(_)) => {}
            None => return Err(Forbidden::new("it has no host")),
        }
        Ok(url)
    }

    /// Checks a name where nobody can know what it leads to: that it is not one of a machine or a network
    /// by itself. A public name that leads into one is not told apart.
    ///
    /// # Errors
    /// When it is such a name.
    pub fn unknown_name(self, name: &str) -> Result<(), Forbidden> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let last = name.rsplit('.').next().unwrap_or_default();
        let is_local = !name.contains('.') || LOCAL_NAMES.contains(&last) || name.ends_with(".home.arpa");
        if is_local && !self.allow_special {
            return Err(Forbidden::new(format!(
                "{name} is the name of a machine in some network, only public ones are called"
            )));
        }
        Ok(())
    }

    /// Checks an address.
    ///
    /// # Errors
    /// What kind of address it is, if it may not be called.
    pub fn address(self, address: IpAddr) -> Result<(), Forbidden> {
        match special_use(address) {
            Some(kind) if !self.allow_special => {
                Err(Forbidden::new(format!("the address {address} is {kind}, only public ones are called")))
            }
            _ => Ok(()),
        }
    }

    /// The addresses that may be called, of those that a name has.
    ///
    /// # Errors
    /// When none of them may.
    pub fn addresses(self, name: &str, addresses: &[IpAddr]) -> Result<Vec<IpAddr>, Forbidden> {
        let allowed: Vec<_> = addresses.iter().copied().filter(|address| self.address(*address).is_ok()).collect();
        match addresses.first().map(|first| self.address(*first)) {
            Some(Err(why)) if allowed.is_empty() => Err(Forbidden {
                cause: Some(Box::new(why)),
                ..Forbidden::new(format!("{name} is not a public address"))
            }),
            _ => Ok(allowed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart_by_their_network() {
        for (address, expected) in [
            ("8.8.8.8", None),
            ("1.0.0.0", None),
            ("0.0.0.0", Some("unspecified")),
            ("0.255.255.255", Some("unspecified")),
            ("10.0.0.0", Some("private")),
            ("9.255.255.255", None),
            ("11.0.0.0", None),
            ("100.63.255.255", None),
            ("100.64.0.0", Some("shared by a carrier")),
            ("100.127.255.255", Some("shared by a carrier")),
            ("100.128.0.0", None),
            ("127.0.0.1", Some("loopback")),
            ("127.255.255.255", Some("loopback")),
            ("168.63.129.16", Some("of a cloud's platform")),
            ("168.63.129.17", None),
            ("169.254.169.254", Some("link-local")),
            ("172.15.255.255", None),
            ("172.16.0.0", Some("private")),
            ("172.31.255.255", Some("private")),
            ("172.32.0.0", None),
            ("192.0.0.192", Some("reserved")),
            ("192.0.2.1", Some("for documentation")),
            ("192.88.99.1", Some("6to4")),
            ("192.168.1.1", Some("private")),
            ("198.17.255.255", None),
            ("198.18.0.0", Some("for benchmarks")),
            ("198.19.255.255", Some("for benchmarks")),
            ("198.51.100.1", Some("for documentation")),
            ("203.0.113.1", Some("for documentation")),
            ("223.255.255.255", None),
            ("224.0.0.1", Some("multicast")),
            ("239.255.255.255", Some("multicast")),
            ("240.0.0.0", Some("reserved")),
            ("255.255.255.255", Some("reserved")),
            ("2606:4700::1111", None),
            ("2a00::", None),
            ("::", Some("unspecified")),
            ("::1", Some("loopback")),
            ("::2", Some("IPv4-compatible")),
            ("::8.8.8.8", Some("IPv4-compatible")),
            ("::ffff:127.0.0.1", Some("IPv4-mapped")),
            ("::ffff:8.8.8.8", Some("IPv4-mapped")),
            ("::ffff:0:8.8.8.8", Some("IPv4-translated")),
            ("64:ff9b::7f00:1", Some("NAT64")),
            ("64:ff9b::808:808", Some("NAT64")),
            ("64:ff9b:1::1", Some("NAT64")),
            ("64:ff9b:2::1", Some("reserved")),
            ("100::1", Some("reserved")),
            ("2001::1", Some("Teredo")),
            ("2001:2::1", Some("reserved")),
            ("2001:20::1", Some("reserved")),
            ("2001:200::1", None),
            ("2001:db8::1", Some("for documentation")),
            ("2001:db9::1", None),
            ("2002:7f00:1::", Some("6to4")),
            ("3fff::1", Some("for documentation")),
            ("3fff:1000::", None),
            ("4000::", Some("reserved")),
            ("5f00::1", Some("reserved")),
            ("fc00::1", Some("unique-local")),
            ("fdff::1", Some("unique-local")),
            ("fe80::1", Some("link-local")),
            ("febf::1", Some("link-local")),
            ("fec0::1", Some("site-local")),
            ("ff02::1", Some("multicast")),
        ] {
            assert_eq!(special_use(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn urls_are_checked_as_they_will_be_called() {
        let guard = Guard::default();
        for (url, expected) in [
            ("https://hook.example/x?y", Ok("https://hook.example/x?y")),
            ("http://8.8.8.8:8080", Ok("http://8.8.8.8:8080/")),
            ("http://[2606:4700::1111]/", Ok("http://[2606:4700::1111]/")),
            ("hook.example", Err("it is no URL: relative URL without a base")),
            ("ftp://hook.example", Err("its scheme is ftp, only http and https are called")),
            ("file:///etc/passwd", Err("its scheme is file, only http and https are called")),
            ("https://user@hook.example", Err("it holds user information")),
            ("https://:pass@hook.example", Err("it holds user information")),
            ("http://127.0.0.1", Err("the address 127.0.0.1 is loopback, only public ones are called")),
            ("http://2130706433/", Err("the address 127.0.0.1 is loopback, only public ones are called")),
            ("http://0x7f.1/", Err("the address 127.0.0.1 is loopback, only public ones are called")),
            ("http://0177.0.0.1./", Err("the address 127.0.0.1 is loopback, only public ones are called")),
            ("http://1\u{2488}0\u{2488}0\u{2488}1", Err("it is no URL: invalid international domain name")),
            ("http://\u{ff11}27.0.0.1", Err("the address 127.0.0.1 is loopback, only public ones are called")),
            ("http://[::1]", Err("the address ::1 is loopback, only public ones are called")),
            (
                "http://[::ffff:10.0.0.1]",
                Err("the address ::ffff:10.0.0.1 is IPv4-mapped, only public ones are called"),
            ),
        ] {
            let checked = guard.url(url).map(String::from);
            assert_eq!(checked.as_deref().map_err(ToString::to_string), expected.map_err(str::to_owned), "{url}");
        }
        let open = guard.allow_local_networks(true);
        assert!(open.url("http://127.0.0.1").is_ok());
        assert!(open.url("ftp://127.0.0.1").is_err());
    }

    #[test]
    fn of_the_addresses_of_a_name_the_public_ones_remain() {
        let guard = Guard::default();
        let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        let mixed = addresses(&["10.0.0.1", "8.8.8.8", "::1"]);
        assert_eq!(guard.addresses("h", &mixed), Ok(addresses(&["8.8.8.8"])));
        assert_eq!(guard.allow_local_networks(true).addresses("h", &mixed), Ok(mixed));
        let refused = guard.addresses("h", &addresses(&["10.0.0.1", "::1"])).unwrap_err();
        assert_eq!(refused.to_string(), "h is not a public address");
        let cause = refused.source().map(ToString::to_string);
        assert_eq!(cause.as_deref(), Some("the address 10.0.0.1 is private, only public ones are called"));
    }
}
