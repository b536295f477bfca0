//! Names that callers choose, as keys of tables.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use super::values::Value;

/// An index of PostgreSQL takes no more than about 2700 bytes, of all its columns together.
const LONGEST: usize = 1024;
const DIGEST: &str = "sha256:";

/// Whether a digest stands for a name. It does for those that look like one, too: so what is the key
/// of one name is that of no other.
fn is_long(name: &str) -> bool {
    name.len() > LONGEST || name.starts_with(DIGEST)
}

/// What stands for a name where it is looked up. The key of a key is another one.
pub(crate) fn key(name: &str) -> Cow<'_, str> {
    if !is_long(name) {
        return name.into();
    }
    let digest = Sha256::digest(name).iter().fold(DIGEST.to_owned(), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(digit.into(), 16));
        }
        text
    });
    digest.into()
}

/// The name itself for its column beside the key, which is empty where the key is the name:
/// `COALESCE` of the two is the name.
pub(super) fn whole(name: &str) -> Value<'_> {
    Value::or_null(is_long(name).then_some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_is_its_own_key_and_no_two_names_have_one() {
        let long = "x".repeat(LONGEST + 1);
        let digest = key(&long).into_owned();
        let names = ["", "name", &long[1..], &long, &digest, DIGEST, &"x".repeat(LONGEST + 2)];
        let keys: std::collections::BTreeSet<_> = names.iter().map(|name| key(name)).collect();
        assert_eq!(keys.len(), names.len());
        assert!(keys.iter().all(|key| key.len() <= LONGEST));
        assert_eq!(key("sha256:x"), "sha256:fe8eb9ab9836bcf963c044b6f84eb71c089db399876f45e72a6c21b488da26c4");
    }
}
