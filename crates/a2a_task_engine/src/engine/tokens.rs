//! Page tokens: a place in a list, and a tag by which the agent knows its own.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

const TAG_BYTES: usize = 16;

/// What a token is good for: the list, the scope and the filters.
pub(super) type List<'a> = [Option<&'a str>];

pub(super) fn seal(key: &[u8; 32], list: &List<'_>, place: &[u8]) -> String {
    let tag = mac(key, list, place).finalize().into_bytes();
    URL_SAFE_NO_PAD.encode([place, &tag[..TAG_BYTES]].concat())
}

/// The place of a token of this list; `None` for anything else.
pub(super) fn open(key: &[u8; 32], list: &List<'_>, token: &str) -> Option<Vec<u8>> {
    let mut token = URL_SAFE_NO_PAD.decode(token).ok()?;
    let tag = token.split_off(token.len().checked_sub(TAG_BYTES)?);
    mac(key, list, &token).verify_truncated_left(&tag).ok()?;
    Some(token)
}

fn mac(key: &[u8; 32], list: &List<'_>, place: &[u8]) -> Hmac<Sha256> {
    // A key shorter than a block is padded with zeros; doing so here leaves nothing that could fail.
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    // Length and presence are part of what is sealed, so that no two lists look the same.
    for part in std::iter::once(Some(place)).chain(list.iter().map(|part| part.map(str::as_bytes))) {
        mac.update(&part.map_or(u64::MAX, |part| part.len() as u64).to_be_bytes());
        mac.update(part.unwrap_or_default());
    }
    mac
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_but_a_token_opens(text in ".{0,80}", bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            prop_assert_eq!(open(&[7; 32], &[], &text), None);
            prop_assert_eq!(open(&[7; 32], &[], &URL_SAFE_NO_PAD.encode(bytes)), None);
        }
    }

    #[test]
    fn a_token_opens_only_for_its_own_list_and_unchanged() {
        let (key, list, place) = ([7; 32], [Some("tasks"), None, Some("")], "a place that is some bytes".as_bytes());
        let token = seal(&key, &list, place);
        assert_eq!(open(&key, &list, &token).as_deref(), Some(place));
        assert_eq!(open(&key, &list, &seal(&key, &list, b"")).as_deref(), Some(&b""[..]));

        let others: [&List<'_>; 5] = [
            &[Some("tasks"), None, None],
            &[Some("tasks"), Some(""), Some("")],
            &[Some("tasks"), None],
            &[Some("tasks"), None, Some(""), None],
            &[Some("task"), None, Some("s")],
        ];
        for other in others {
            assert_eq!(open(&key, other, &token), None, "{other:?}");
        }
        assert_eq!(open(&[8; 32], &list, &token), None);
        for index in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(open(&key, &list, &changed).is_none(), "{index}");
        }
        for broken in ["", "ten", "====", "\u{1F600}", &token[1..]] {
            assert_eq!(open(&key, &list, broken), None, "{broken:?}");
        }
    }
}
