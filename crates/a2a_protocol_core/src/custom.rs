//! An agent's own methods, beside the protocol's: JSON-RPC only.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer, de::DeserializeOwned, ser::Error as _};
use serde_json::value::{RawValue, to_raw_value};

use crate::{Error, Method, fault, json::Strict};

/// What the names of version 0.3 begin with.
const V03_NAMESPACES: &[&str] = &["message/", "tasks/", "agent/"];

/// A call of a method that is not the protocol's but the agent's own.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CustomCall {
    /// The JSON-RPC name, such as `vendor/method`.
    pub method: String,
    /// The tenant. As in the protocol's own requests it travels in the parameters, as their member
    /// `tenant`, and methods that want it declare that. Parameters that are no object carry none.
    pub tenant: Option<String>,
    /// The parameters as sent, the tenant included.
    pub params: Option<Box<RawValue>>,
}

impl CustomCall {
    /// A call with these parameters; their member `tenant`, if it is a text, is the tenant.
    pub fn new(method: impl Into<String>, params: Option<Box<RawValue>>) -> Self {
        #[derive(Deserialize)]
        struct Tenant {
            tenant: Option<String>,
        }
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

    /// Reads the parameters, with the tenant. Absent ones are read as an empty object, or as `null`.
    ///
    /// # Errors
    /// InvalidParams that names the field, or `params` where it is the whole.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        match &self.params {
            _ if self.lacks_tenant() => {
                let params =
                    serde_json::to_string(self).map_err(|error| Error::invalid("params", error.to_string()))?;
                read(&params)
            }
            Some(params) => read(params.get()),
            None => read("{}").or_else(|error| read("null").map_err(|_| error)),
        }
    }

    /// Whether the tenant was named apart from the parameters.
    fn lacks_tenant(&self) -> bool {
        self.tenant.is_some() && Self::new("", self.params.clone()).tenant != self.tenant
    }

    /// Whether a method may have this name: `vendor/method`, in printable ASCII without spaces, and
    /// neither a name of the protocol nor among those of its versions (`tasks/...`).
    ///
    /// # Errors
    /// InvalidParams that says why not.
    pub fn check_name(name: &str) -> Result<(), Error> {
        let refused = |why: &str| Err(Error::invalid("method", format!("{name:?} {why}")));
        let named = name.split_once('/').is_some_and(|(vendor, method)| !vendor.is_empty() && !method.is_empty());
        if !named || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return refused("is not of the form vendor/method");
        }
        if V03_NAMESPACES.iter().any(|namespace| name.starts_with(namespace)) || Method::from_v03_name(name).is_some() {
            return refused("is among the names of the protocol");
        }
        if name.starts_with("rpc.") {
            return refused("is among the names that JSON-RPC keeps for itself");
        }
        Ok(())
    }
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
            (Some(json!([["x"]])), "params: invalid type: sequence, expected struct Params"),
            (Some(json!({})), "params: missing field `to`"),
            (None, "params: missing field `to`"),
        ] {
            let call = CustomCall::new("v/m", params.map(|params| to_raw_value(&params).unwrap()));
            assert_eq!(call.read::<Params>().unwrap_err().message(), fault);
        }
        let none = CustomCall::new("v/m", None);
        none.read::<()>().unwrap();
        assert_eq!(none.read::<BTreeMap<String, u8>>().unwrap().len(), 0);
        assert_eq!(CustomCall::with("v/m", &(1, "x")).unwrap().read::<(u8, String)>().unwrap(), (1, "x".to_owned()));
    }
}
