//! A function as it is written, with a body or without.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    Attribute, Result, Signature, Token, Visibility,
    parse::{Parse, ParseStream},
};

pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    /// What is in it does not matter here; `None` where there is a semicolon in its place.
    pub(crate) body: Option<TokenStream>,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature = input.parse()?;
        let bodiless = input.parse::<Option<Token![;]>>()?.is_some();
        let rest = input.parse()?;
        Ok(Self { attributes, visibility, signature, body: (!bodiless).then_some(rest) })
    }
}

/// The function itself; one without a body is none.
impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { attributes, visibility, signature, body } = self;
        if let Some(body) = body {
            tokens.extend(quote!(#(#attributes)* #visibility #signature #body));
        }
    }
}
