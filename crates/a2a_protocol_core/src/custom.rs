//! An agent's own methods, beside the protocol's: JSON-RPC only.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{
    Deserialize, Serialize, Serializer,
    de::{DeserializeOwned, IgnoredAny},
    ser::Error as _,
};
use serde_json::value::{RawValue, to_raw_value};

use crate::{Error, fault, json::Strict, v03};

/// A call of a method that is not the protocol's but the agent's own.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CustomCall {
    /// The JSON-RPC name, such as `vendor/method`.
    pub method: String,
    /// The tenant. As in the protocol's own requests it travels in the parameters, as their member
    /// `tenant`, and methods that want it declare that. Parameters that are no object carry none.
    pub tenant: Option<String>,
    /// The parameters as sent, the tenant included: an object or an array, or none.
    pub params: Option<Box<RawValue>>,
}

impl CustomCall {
    /// A call with these parameters; their member `tenant`, if it is a text, is the tenant. `null` is
    /// as none.
    pub fn new(method: impl Into<String>, params: Option<Box<RawValue>>) -> Self {
        #[derive(Deserialize)]
        struct Tenant {
            tenant: Option<String>,
        }
        let params = params.filter(|params| params.get() != "null");
        let tenant = params.as_deref().and_then(|params| serde_json::from_str(params.get()).ok());
        let tenant = tenant.and_then(|Strict(Tenant { tenant })| tenant).filter(|tenant| !tenant.is_empty());
        Self { method: method.into(), tenant, params }
    }

    /// A call with these parameters.
    ///
    /// # Errors
    /// InvalidParams when they cannot be written as JSON.
    pub fn with<P: Serialize + ?Sized>(method: impl Into<String>, params: &P) -> Result<Self, Error> {
        let params = to_raw_value(params).map_err(|error| Error::invalid("params", error.to_string()))?;
        Ok(Self::new(method, Some(params)))
    }

    /// Reads the parameters, with the tenant. Absent ones are read as `null`, or as an empty object;
    /// ones that are empty, but for the tenant, as what they are, or as `null`: so `()` and `Option`
    /// are there whichever way a caller says nothing.
    ///
    /// # Errors
    /// InvalidParams that names the field, or `params` where it is the whole.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let params = match &self.params {
            _ if self.lacks_tenant() => serde_json::to_string(self)
                .map(Cow::Owned)
                .map_err(|error| Error::invalid("params", error.to_string()))?,
            Some(params) => Cow::Borrowed(params.get()),
            None => return read("null").or_else(|_| read("{}")),
        };
        read(&params).or_else(|error| if says_nothing(&params) { read("null").map_err(|_| error) } else { Err(error) })
    }

    /// Whether the parameters are such as JSON-RPC can carry.
    pub(crate) fn is_structured(&self) -> bool {
        self.params.as_deref().is_none_or(|params| params.get().starts_with(['{', '[']))
    }

    /// Whether the tenant was named apart from the parameters.
    fn lacks_tenant(&self) -> bool {
        self.tenant.is_some() && Self::new("", self.params.clone()).tenant != self.tenant
    }

    /// Whether a method may have this name: see [`fault_of_name`](Self::fault_of_name).
    ///
    /// # Errors
    /// InvalidParams that says why not.
    pub fn check_name(name: &str) -> Result<(), Error> {
        let refused = |why| Err(Error::invalid("method", format!("{name:?} {why}")));
        Self::fault_of_name(name).map_or(Ok(()), refused)
    }

    /// Why a method cannot have this name, if it cannot: it is `vendor/method`, in printable ASCII
    /// without spaces, and neither a name of the protocol nor among those of its versions
    /// (`tasks/...`). The text goes on after the name.
    pub const fn fault_of_name(name: &str) -> Option<&'static str> {
        let bytes = name.as_bytes();
        let (mut slash, mut index) = (None, 0);
        while index < bytes.len() {
            if !bytes[index].is_ascii_graphic() {
                return Some(FORM);
            }
            if slash.is_none() && bytes[index] == b'/' {
                slash = Some(index);
            }
            index += 1;
        }
        match slash {
            Some(slash) if 0 < slash && slash + 1 < bytes.len() => {}
            _ => return Some(FORM),
        }
        if v03::is_method_name(name) {
            return Some("is among the names of the protocol");
        }
        if starts_with(name, "rpc.") {
            return Some("is among the names that JSON-RPC keeps for itself");
        }
        None
    }
}

const FORM: &str = "is not of the form vendor/method";

/// `str::starts_with`, which constants cannot call.
pub(crate) const fn starts_with(text: &str, prefix: &str) -> bool {
    let (text, prefix) = (text.as_bytes(), prefix.as_bytes());
    let mut index = 0;
    while index < prefix.len() {
        if index == text.len() || text[index] != prefix[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// Whether nothing is in parameters but the tenant.
fn says_nothing(params: &str) -> bool {
    if params.starts_with('[') {
        return serde_json::from_str::<[(); 0]>(params).is_ok();
    }
    let members = serde_json::from_str::<BTreeMap<&str, IgnoredAny>>(params);
    members.is_ok_and(|members| members.keys().all(|name| *name == "tenant"))
}

fn read<T: DeserializeOwned>(json: &str) -> Result<T, Error> {
    if let Ok(Strict(params)) = serde_json::from_str(json) {
        return Ok(params);
    }
    let mut violation = fault::locate(&mut serde_json::Deserializer::from_str(json), |source| {
        Strict::<T>::deserialize(source).map(|_| ())
    });
    if violation.field.is_empty() {
        "params".clone_into(&mut violation.field);
    }
    Err(Error::violations(vec![violation]))
}

/// Writes the parameters, with the tenant.
impl Serialize for CustomCall {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(tenant) = self.tenant.as_ref().filter(|_| self.lacks_tenant()) else {
            return self.params.serialize(serializer);
        };
        let members = self.params.as_deref().map_or("{}", RawValue::get);
        let mut members: BTreeMap<String, &RawValue> = serde_json::from_str(members)
            .map_err(|_| S::Error::custom("must be an object, since the interface has a tenant"))?;
        let tenant = to_raw_value(tenant).map_err(S::Error::custom)?;
        members.insert("tenant".to_owned(), &tenant);
        members.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_a_vendors_and_not_the_protocols() {
        for name in ["vendor/method", "example.com/v1/translate", "a/b:c"] {
            CustomCall::check_name(name).unwrap();
        }
        for name in [
            "",
            "method",
            "GetTask",
            "/method",
            "vendor/",
            "vendor/my method",
            "vendor/m\u{e9}thode",
            "message/send",
            "tasks/translate",
            "agent/authenticatedExtendedCard",
            "rpc.vendor/method",
        ] {
            let error = CustomCall::check_name(name).unwrap_err();
            assert_eq!(error.field_violations()[0].field, "method", "{name}");
        }
    }

    #[test]
    fn the_tenant_is_a_member_of_the_parameters() {
        for (params, tenant) in [
            (Some(json!({"tenant": "a \"b\"", "x": 1.0})), Some("a \"b\"")),
            (Some(json!({"tenant": 7})), None),
            (Some(json!(["tenant"])), None),
            (None, None),
        ] {
            let raw = params.as_ref().map(|params| to_raw_value(params).unwrap());
            let mut call = CustomCall::new("v/m", raw);
            assert_eq!(call.tenant.as_deref(), tenant);
            let written = |call: &CustomCall| serde_json::to_value(call);
            assert_eq!(written(&call).unwrap(), params.clone().unwrap_or_default());
            call.tenant = Some("c".to_owned());
            match params {
                Some(serde_json::Value::Array(_)) => assert!(written(&call).is_err()),
                other => {
                    let mut with_tenant = other.unwrap_or(json!({}));
                    with_tenant["tenant"] = "c".into();
                    assert_eq!(written(&call).unwrap(), with_tenant);
                    assert_eq!(call.read::<serde_json::Value>().unwrap(), with_tenant);
                }
            }
        }
    }

    #[test]
    fn parameters_that_do_not_fit_name_the_field() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only reading matters")]
        struct Params {
            to: Vec<String>,
        }
        for (params, fault) in [
            (Some(json!({"to": ["x", 1]})), "to[1]: invalid type: integer `1`, expected a string"),
            (Some(json!([["x"]])), "params: invalid type: sequence, expected an object"),
            (Some(json!({})), "params: missing field `to`"),
            (None, "params: missing field `to`"),
        ] {
            let call = CustomCall::new("v/m", params.map(|params| to_raw_value(&params).unwrap()));
            assert_eq!(call.read::<Params>().unwrap_err().message(), fault);
        }
        assert_eq!(CustomCall::with("v/m", &(1, "x")).unwrap().read::<(u8, String)>().unwrap(), (1, "x".to_owned()));
    }

    #[test]
    fn nothing_is_said_by_leaving_out_and_by_saying_nothing() {
        #[derive(Debug, Default, Deserialize, PartialEq)]
        #[serde(default)]
        struct Optional {
            to: u8,
            tenant: Option<String>,
        }
        let call = |json: Option<&str>| {
            CustomCall::new("v/m", json.map(|json| RawValue::from_string(json.to_owned()).unwrap()))
        };
        for said in [None, Some("null"), Some("{}"), Some("[]"), Some(r#"{"tenant":"a"}"#)] {
            call(said).read::<()>().unwrap_or_else(|error| panic!("{said:?}: {error}"));
            let tuple = call(said).read::<Option<(u8, u8)>>();
            assert_eq!(tuple.unwrap(), None, "{said:?}");
            let mut there = call(said.filter(|said| *said != "[]"));
            there.tenant = Some("a".to_owned());
            there.read::<()>().unwrap_or_else(|error| panic!("{said:?}: {error}"));
            assert_eq!(there.read::<Option<(u8, u8)>>().unwrap(), None, "{said:?}");
        }
        for said in [None, Some("null")] {
            assert_eq!(call(said).read::<Option<Optional>>().unwrap(), None, "{said:?}");
            assert_eq!(call(said).read::<Optional>().unwrap(), Optional::default(), "{said:?}");
            assert_eq!(call(said).read::<BTreeMap<String, u8>>().unwrap().len(), 0, "{said:?}");
        }
        assert_eq!(call(Some(r#"{"tenant":"a"}"#)).read::<Optional>().unwrap().tenant.as_deref(), Some("a"));
        for said in [r#"{"to":1}"#, "[1]"] {
            assert_eq!(call(Some(said)).read::<()>().unwrap_err().field_violations()[0].field, "params", "{said}");
        }
    }

    #[test]
    fn parameters_that_are_neither_object_nor_array_are_refused() {
        for scalar in [json!(7), json!("text"), json!(true)] {
            let call = crate::Call::Custom(CustomCall::with("v/m", &scalar).unwrap());
            assert_eq!(call.validate().unwrap_err().message(), "params: must be an object or an array, or left out");
        }
        for fits in [json!({"x": 1}), json!([1]), json!(null)] {
            crate::Call::Custom(CustomCall::with("v/m", &fits).unwrap()).validate().unwrap();
        }
        for params in [None, Some(json!({})), Some(json!([7]))] {
            let call = CustomCall::new("v/m", params.map(|params| to_raw_value(&params).unwrap()));
            let error = call.read::<u8>().unwrap_err();
            assert_eq!(error.field_violations()[0].field, "params", "{error}");
        }
    }
}
