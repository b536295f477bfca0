//! Our protobuf definitions are those of the official SDK: messages, fields, numbers, types, enums
//! and services. Options, such as the annotations for HTTP, and comments are not compared.

use prost::Message as _;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet};

use crate::Sdk;

/// What travels, in an order of its own.
fn bare(mut file: FileDescriptorProto) -> FileDescriptorProto {
    (file.name, file.options, file.source_code_info) = (None, None, None);
    file.dependency.clear();
    file.message_type.iter_mut().for_each(bare_message);
    file.message_type.sort_by(|one, other| one.name.cmp(&other.name));
    file.enum_type.iter_mut().for_each(bare_enum);
    file.enum_type.sort_by(|one, other| one.name.cmp(&other.name));
    for service in &mut file.service {
        service.options = None;
        for method in &mut service.method {
            method.options = None;
            // Not set and false are the same.
            method.client_streaming.get_or_insert(false);
            method.server_streaming.get_or_insert(false);
        }
        service.method.sort_by(|one, other| one.name.cmp(&other.name));
    }
    file
}

fn bare_message(message: &mut DescriptorProto) {
    // Of the options, this one says what the message is.
    let is_map_entry = message.options.as_ref().and_then(|options| options.map_entry);
    message.options = is_map_entry.map(|is| prost_types::MessageOptions { map_entry: Some(is), ..Default::default() });
    for field in &mut message.field {
        field.options = None;
        // Unless it is set, the JSON name follows from the name.
        let json_name = field.json_name.take().unwrap_or_else(|| camel_case(field.name()));
        field.json_name = Some(json_name);
    }
    message.field.sort_by_key(|field| field.number);
    message.oneof_decl.iter_mut().for_each(|oneof| oneof.options = None);
    message.nested_type.iter_mut().for_each(bare_message);
    message.nested_type.sort_by(|one, other| one.name.cmp(&other.name));
    message.enum_type.iter_mut().for_each(bare_enum);
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |camel, word| {
        let (initial, rest) = word.split_at(word.len().min(1));
        camel + &initial.to_ascii_uppercase() + rest
    })
}

fn bare_enum(of: &mut EnumDescriptorProto) {
    of.options = None;
    of.value.iter_mut().for_each(|value| value.options = None);
}

fn are_the_official_ones(version: &str, package: &str) {
    let output = Sdk::Python.script("descriptors").arg(version).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs = bare(FileDescriptorProto::decode(&*output.stdout).unwrap());
    let files = FileDescriptorSet::decode(a2a_grpc::FILE_DESCRIPTOR_SET).unwrap().file;
    let ours = bare(files.into_iter().find(|file| file.package() == package).unwrap());
    let names = |file: &FileDescriptorProto| -> Vec<String> {
        file.message_type.iter().map(|message| message.name().to_owned()).collect()
    };
    assert_eq!(names(&ours), names(&theirs));
    for (our, their) in ours.message_type.iter().zip(&theirs.message_type) {
        assert_eq!(our, their);
    }
    assert_eq!(ours, theirs);
}

#[test]
fn definitions_of_1_0_are_the_official_ones() {
    are_the_official_ones("1.0", "lf.a2a.v1");
}

#[test]
fn definitions_of_0_3_are_the_official_ones() {
    are_the_official_ones("0.3", "a2a.v1");
}
