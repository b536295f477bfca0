//! Which browser applications may call (the Fetch standard's CORS protocol).

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request::Parts};

use crate::{Body, InvalidOptions};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE");
const EXPOSED: HeaderValue = HeaderValue::from_static("A2A-Extensions, A2A-Version, ETag, WWW-Authenticate");
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The origins whose scripts may call. Credentials that browsers add by themselves (cookies) are
/// never asked for; scripts send their own headers.
#[derive(Clone, Debug)]
pub struct Cors(Origins);

#[derive(Clone, Debug)]
enum Origins {
    Any,
    These(Vec<HeaderValue>),
}

impl Cors {
    /// Scripts of any origin.
    pub fn any() -> Self {
        Self(Origins::Any)
    }

    /// Scripts of these origins, such as `https://app.example`.
    ///
    /// # Errors
    /// For what is no origin.
    pub fn origins<'a>(origins: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidOptions> {
        let read = |origin: &str| {
            let after_scheme = origin.split_once("://").map(|(_, host)| host);
            let value = HeaderValue::try_from(origin).ok();
            let is_origin = after_scheme.is_some_and(|host| !host.is_empty() && !host.contains(['/', ',', ' ']));
            value
                .filter(|_| is_origin)
                .ok_or_else(|| InvalidOptions(format!("cors: {origin:?} is not an origin such as https://app.example")))
        };
        Ok(Self(Origins::These(origins.into_iter().map(read).collect::<Result<_, _>>()?)))
    }

    /// Answers a preflight; `None` if the request is none.
    pub(crate) fn preflight(&self, request: &Parts) -> Option<Response<Body>> {
        let headers = &request.headers;
        let is_preflight = request.method == Method::OPTIONS
            && headers.contains_key(header::ORIGIN)
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !is_preflight {
            return None;
        }
        let mut response = Response::new(Body::default());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let allowed = response.headers_mut();
        if let Some(origin) = self.allowed(headers) {
            allowed.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            allowed.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            allowed.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
            // Whatever header the script may need for its credentials: the origin is trusted.
            if let Some(asked) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
                allowed.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
            }
        }
        let vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
        allowed.insert(header::VARY, HeaderValue::from_static(vary));
        Some(response)
    }

    /// Lets the script read the reply.
    pub(crate) fn apply(&self, request: &HeaderMap, reply: &mut HeaderMap) {
        if let Some(origin) = self.allowed(request) {
            reply.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            reply.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
        if matches!(self.0, Origins::These(_)) {
            reply.append(header::VARY, HeaderValue::from_static("Origin"));
        }
    }

    fn allowed(&self, request: &HeaderMap) -> Option<HeaderValue> {
        let origin = request.get(header::ORIGIN)?;
        match &self.0 {
            Origins::Any => Some(HeaderValue::from_static("*")),
            Origins::These(origins) => origins.contains(origin).then(|| origin.clone()),
        }
    }
}
