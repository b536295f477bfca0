//! RFC 8785 on every case of the conformance kit's vector set `a2a-jcs-v01` (a2aproject/a2a-tck,
//! Apache-2.0), of which inputs and outputs are given here under the set's own numbers.

use a2a_protocol_core::{AgentCard, signing};
use serde_json::Value;

const ACCEPTED: &[(&str, &str, &str)] = &[
    // Members are in the order of their UTF-16 code units.
    ("A3-001", r#"{"a":1,"b":2,"c":3}"#, r#"{"a":1,"b":2,"c":3}"#),
    ("A3-002", r#"{"zebra":1,"apple":2,"mango":3}"#, r#"{"apple":2,"mango":3,"zebra":1}"#),
    ("A3-003", r#"{"apple":1,"Apple":2}"#, r#"{"Apple":2,"apple":1}"#),
    ("A3-004", r#"{"10":1,"2":2,"1":3}"#, r#"{"1":3,"10":1,"2":2}"#),
    ("A3-005", r#"{"cafe":1,"café":2}"#, r#"{"cafe":1,"café":2}"#),
    ("A3-006", "{\"b\u{ff01}key\":2,\"b\u{1f600}key\":1}", "{\"b\u{1f600}key\":1,\"b\u{ff01}key\":2}"),
    ("A3-007", "{\"x\u{e000}end\":2,\"x\u{10000}end\":1}", "{\"x\u{10000}end\":1,\"x\u{e000}end\":2}"),
    ("A3-008", "{\"caf\u{e9}\":1,\"cafe\u{301}\":2}", "{\"cafe\u{301}\":2,\"caf\u{e9}\":1}"),
    ("A3-009", r#"{"":1,"a":2}"#, r#"{"":1,"a":2}"#),
    (
        "A3-010",
        r#"{"Zulu":1,"alpha":2,"Bravo":3,"charlie":4,"Delta":5,"9key":6,"echo":7,"Foxtrot":8,"1key":9,"golf":10,"Hotel":11}"#,
        r#"{"1key":9,"9key":6,"Bravo":3,"Delta":5,"Foxtrot":8,"Hotel":11,"Zulu":1,"alpha":2,"charlie":4,"echo":7,"golf":10}"#,
    ),
    // Texts are as they are, but for quotes, backslashes and control characters.
    (
        "A4-001",
        r#"{"name":"Caf\u00e9 Agent","description":"Planifie des itin\u00e9raires."}"#,
        r#"{"description":"Planifie des itinéraires.","name":"Café Agent"}"#,
    ),
    ("A4-002", r#"{"name":"Example Agent"}"#, r#"{"name":"Example Agent"}"#),
    ("A4-003", r#"{"note":"hello \ud83d\ude00 world"}"#, "{\"note\":\"hello \u{1f600} world\"}"),
    (
        "A4-004",
        r#"{"raw":"a \u0022quoted\u0022 \u005c path\u000awith a newline"}"#,
        r#"{"raw":"a \"quoted\" \\ path\nwith a newline"}"#,
    ),
    ("A4-005", r#"{"empty":""}"#, r#"{"empty":""}"#),
    ("A4-006", r#"{"ctrl":"a\u0001b\u001fc"}"#, r#"{"ctrl":"a\u0001b\u001fc"}"#),
    ("A4-007", r#"{"label":"中文"}"#, r#"{"label":"中文"}"#),
    ("A4-008", r#"{"del":"a\u007fb"}"#, "{\"del\":\"a\u{7f}b\"}"),
    ("A4-009", r#"{"combining":"e\u0301clair"}"#, "{\"combining\":\"e\u{301}clair\"}"),
    ("A4-010", r#"{"rtl":"السلام"}"#, r#"{"rtl":"السلام"}"#),
    ("A4-011", r#"{"url":"https:\/\/example.com\/a2a\/v1"}"#, r#"{"url":"https://example.com/a2a/v1"}"#),
    ("A4-012", r#"{"emoji_pair":"\ud83d\ude00\ud83d\ude01"}"#, "{\"emoji_pair\":\"\u{1f600}\u{1f601}\"}"),
    // Numbers are what ECMAScript prints of a double.
    ("A5-001", r#"{"tolerance":1e-06}"#, r#"{"tolerance":0.000001}"#),
    ("A5-002", r#"{"big":1e21}"#, r#"{"big":1e+21}"#),
    ("A5-003", r#"{"n":42}"#, r#"{"n":42}"#),
    ("A5-004", r#"{"n":-17}"#, r#"{"n":-17}"#),
    ("A5-005", r#"{"n":0}"#, r#"{"n":0}"#),
    ("A5-006", r#"{"n":-0.0}"#, r#"{"n":0}"#),
    ("A5-007", r#"{"n":0.1}"#, r#"{"n":0.1}"#),
    ("A5-008", r#"{"n":3.14159}"#, r#"{"n":3.14159}"#),
    ("A5-009", r#"{"n":9007199254740991}"#, r#"{"n":9007199254740991}"#),
    ("A5-010", r#"{"n":-123.456}"#, r#"{"n":-123.456}"#),
    ("A5-011", r#"{"n":0.0000001}"#, r#"{"n":1e-7}"#),
    ("A5-012", r#"{"n":1e20}"#, r#"{"n":100000000000000000000}"#),
    ("A5-013", r#"{"n":0.30000000000000004}"#, r#"{"n":0.30000000000000004}"#),
    ("A5-014", r#"{"n":100}"#, r#"{"n":100}"#),
    ("A5-015", r#"{"exp_upper":1E1,"trailing_zero":1.0}"#, r#"{"exp_upper":10,"trailing_zero":1}"#),
    // Lists keep their order.
    ("A6-001", r#"{"items":[ ]}"#, r#"{"items":[]}"#),
    ("A6-002", r#"{"config":{ }}"#, r#"{"config":{}}"#),
    ("A6-003", r#"{"matrix":[[1,2],[3,4]]}"#, r#"{"matrix":[[1,2],[3,4]]}"#),
    ("A6-004", r#"{"a":{"b":{"c":1}}}"#, r#"{"a":{"b":{"c":1}}}"#),
    ("A6-005", r#"{"mixed":[1,"two",true,false,null,3.5]}"#, r#"{"mixed":[1,"two",true,false,null,3.5]}"#),
    ("A6-006", r#"{"value":null}"#, r#"{"value":null}"#),
    ("A6-007", r#"{"flag_true":true,"flag_false":false}"#, r#"{"flag_false":false,"flag_true":true}"#),
    ("A6-008", r#"{"deep":[{"x":[1,{"y":2}]},{"x":[]}]}"#, r#"{"deep":[{"x":[1,{"y":2}]},{"x":[]}]}"#),
];

/// Halves of surrogate pairs, and numbers that are none: what has no canonical form cannot be read.
const REFUSED: &[(&str, &str)] = &[
    ("A3-REJECT-011", r#"{"b\ud800key": 1, "a": 2}"#),
    ("A3-REJECT-012", r#"{"b\udc00key": 1, "a": 2}"#),
    ("A4-REJECT-013", r#"{"name": "broken \udc00 value"}"#),
    ("A4-REJECT-014", r#"{"name": "before\udc00after"}"#),
    ("A4-REJECT-015", r#"{"name": "\ud800x"}"#),
    ("A5-REJECT-016", r#"{"n": NaN}"#),
    ("A5-REJECT-017", r#"{"n": Infinity}"#),
    ("A5-REJECT-018", r#"{"n": -Infinity}"#),
];

fn canonical(json: &str) -> String {
    let value: Value = serde_json::from_str(json).unwrap();
    String::from_utf8(signing::canonical(&value).unwrap()).unwrap()
}

#[test]
fn every_vector_has_the_expected_form() {
    for (id, input, expected) in ACCEPTED {
        assert_eq!(canonical(input), *expected, "{id}");
        assert_eq!(canonical(expected), *expected, "{id}: the canonical form is its own");
    }
    assert_eq!(ACCEPTED.len() + REFUSED.len() + 4, 57, "with the four on signatures, which src/signing/card.rs has");
}

#[test]
fn what_has_no_form_is_refused() {
    for (id, input) in REFUSED {
        assert!(serde_json::from_str::<Value>(input).is_err(), "{id}");
        assert!(serde_json::from_str::<AgentCard>(input).is_err(), "{id}: nor is it a card");
    }
    assert!(signing::canonical(&f64::NAN).is_err());
}

#[test]
fn doubles_of_every_magnitude_are_printed_as_by_ecmascript() {
    // The samples of RFC 8785, appendix B.
    for (bits, expected) in [
        (0x0000_0000_0000_0000_u64, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ] {
        let printed = String::from_utf8(signing::canonical(&f64::from_bits(bits)).unwrap()).unwrap();
        assert_eq!(printed, expected, "{bits:#x}");
    }
}
