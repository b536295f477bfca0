//! What is wrong with a function is said where it is written. After a change of what is said,
//! `TRYBUILD=overwrite cargo test -p nuncio-a2a-rpc-macros --test ui` writes it down, to be read.

#[test]
fn mistakes_are_shown_where_they_are() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
