#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_targets::card_signature(data));
