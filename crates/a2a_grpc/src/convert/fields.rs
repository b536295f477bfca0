//! Fields: texts, numbers, lists, maps.

use std::{collections::BTreeMap, sync::Arc};

use a2a_protocol_core::{Role, TaskState};

use super::{Fault, Read, Write};

/// What both sides hold in the same type.
macro_rules! same {
    ($($type:ty),*) => {$(
        impl Write<$type> for $type {
            fn write(&self) -> $type {
                self.clone()
            }
        }
        impl Read<$type> for $type {
            fn read(self) -> Result<$type, Fault> {
                Ok(self)
            }
        }
    )*};
}

same!(String, bool, i32, ());

/// Texts of other types; an optional one that is not set is empty, as proto3 has it.
macro_rules! texts {
    ($($type:ty),*) => {$(
        impl Write<String> for Option<$type> {
            fn write(&self) -> String {
                self.as_ref().map(|text| text.to_string()).unwrap_or_default()
            }
        }
        impl Read<Option<$type>> for String {
            fn read(self) -> Result<Option<$type>, Fault> {
                Ok(if self.is_empty() { None } else { Some(self.into()) })
            }
        }
    )*};
}

texts!(String, Arc<str>, Box<str>);

impl Write<String> for Arc<str> {
    fn write(&self) -> String {
        self.to_string()
    }
}

impl Read<Arc<str>> for String {
    fn read(self) -> Result<Arc<str>, Fault> {
        Ok(self.into())
    }
}

/// Enums: unknown numbers pass both ways.
macro_rules! enums {
    ($($type:ty),*) => {$(
        impl Write<i32> for $type {
            fn write(&self) -> i32 {
                self.number().unwrap_or_default()
            }
        }
        impl Read<$type> for i32 {
            fn read(self) -> Result<$type, Fault> {
                Ok(<$type>::from_number(self))
            }
        }
    )*};
}

enums!(TaskState, Role);

impl<P, T: Write<P>> Write<Option<P>> for Option<T> {
    fn write(&self) -> Option<P> {
        self.as_ref().map(Write::write)
    }
}

impl<T, P: Read<T>> Read<Option<T>> for Option<P> {
    fn read(self) -> Result<Option<T>, Fault> {
        self.map(Read::read).transpose()
    }
}

impl<P, T: Write<P>> Write<Vec<P>> for Vec<T> {
    fn write(&self) -> Vec<P> {
        self.iter().map(Write::write).collect()
    }
}

impl<T, P: Read<T>> Read<Vec<T>> for Vec<P> {
    fn read(self) -> Result<Vec<T>, Fault> {
        let items = self.into_iter().enumerate();
        items.map(|(index, item)| item.read().map_err(|fault| fault.at_index(index))).collect()
    }
}

impl<P, T: Write<P>> Write<BTreeMap<String, P>> for BTreeMap<String, T> {
    fn write(&self) -> BTreeMap<String, P> {
        self.iter().map(|(name, value)| (name.clone(), value.write())).collect()
    }
}

impl<T, P: Read<T>> Read<BTreeMap<String, T>> for BTreeMap<String, P> {
    fn read(self) -> Result<BTreeMap<String, T>, Fault> {
        let members = self.into_iter();
        members
            .map(|(name, value)| match value.read() {
                Ok(value) => Ok((name, value)),
                Err(fault) => Err(fault.at_index(format_args!("{name:?}"))),
            })
            .collect()
    }
}

impl<P, T: Write<P>> Write<P> for Arc<T> {
    fn write(&self) -> P {
        T::write(self)
    }
}

impl<T, P: Read<T>> Read<Arc<T>> for P {
    fn read(self) -> Result<Arc<T>, Fault> {
        Ok(Arc::new(self.read()?))
    }
}
