//! What is written for a function. Without the paths, for `add(_context: CallContext, a: i64, b: i64) -> Result<i64, Error>`:
//!
//! ```text
//! struct add {}
//!
//! const _: () = {
//!     if let Some(why) = CustomCall::fault_of_name("example/add") { panic!("{}", why) }
//!
//!     #[derive(Deserialize, Serialize)]
//!     struct __Params { a: i64, b: i64 }
//!
//!     impl RpcMethod for add {
//!         const NAME: &'static str = "example/add";
//!         // ... and what else is known of it
//!         async fn answer(state: (), context: CallContext, call: CustomCall) -> Result<Reply, Error> {
//!             let params = call.read::<__Params>()?;
//!             Reply::custom::<i64>(&add(context, params.a, params.b).await?)
//!         }
//!     }
//!
//!     impl add {
//!         async fn call(agent: &(impl AgentService + ?Sized), a: i64, b: i64) -> Result<i64, Error> {
//!             Self::call_with(agent, CallContext::new(), a, b).await
//!         }
//!
//!         async fn call_with(
//!             agent: &(impl AgentService + ?Sized), context: CallContext, a: i64, b: i64,
//!         ) -> Result<i64, Error> {
//!             generated::call::<__Params, i64>(agent, context, "example/add", &__Params { a, b }).await
//!         }
//!     }
//! };
//! ```
//!
//! A type that is written with braces has no value, so its name is free for the function.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::{Attribute, Expr, ExprLit, Ident, Lit, LitStr, Meta, Result, Type, parse2, spanned::Spanned as _};

use crate::{
    function::Function,
    shape::{Answer, Params, Shape},
};

/// The function, and what makes it a method; or the function, and what is wrong with it.
pub(crate) fn expanded(name: TokenStream, item: TokenStream) -> TokenStream {
    let function: Function = match parse2(item.clone()) {
        Ok(function) => function,
        Err(error) => {
            let fault = format!("a method is made of an `async fn`: {error}");
            let error = syn::Error::new(error.span(), fault).into_compile_error();
            return quote!(#item #error);
        }
    };
    let method = method(name, &function).unwrap_or_else(syn::Error::into_compile_error);
    quote!(#function #method)
}

fn method(name: TokenStream, function: &Function) -> Result<TokenStream> {
    let name = the_name(name)?;
    let shape = Shape::of(function)?;
    let Function { attributes, visibility, signature, .. } = function;
    let ident = &signature.ident;
    let (kept, documented) = (only(attributes, &["cfg"]), only(attributes, &["cfg", "doc"]));
    let params = shape.params.written();
    let answer = function.body.is_some().then(|| answer(ident, &name, attributes, &shape, &params));
    let (call, summary) =
        (call(function, &name, &shape, &params), format!("\n\nThe JSON-RPC method `{}`.", name.value()));
    let declared = &params.declared;
    let check = quote_spanned! {name.span()=>
        if let ::core::option::Option::Some(why) = ::agent_sdk::protocol::CustomCall::fault_of_name(#name) {
            ::core::panic!("{}", why)
        }
    };
    Ok(quote! {
        #(#documented)*
        #[doc = #summary]
        #[allow(non_camel_case_types)]
        #visibility struct #ident {}

        #(#kept)*
        const _: () = {
            #check
            #declared
            #answer
            #call
        };
    })
}

fn the_name(name: TokenStream) -> Result<LitStr> {
    if name.is_empty() {
        return Err(syn::Error::new(Span::call_site(), "a method needs a name: `#[a2a_rpc(\"vendor/method\")]`"));
    }
    parse2(name)
}

/// The parameters, in the places where they are written.
#[derive(Default)]
struct Written {
    /// The type that has them as its members, if it is made here.
    declared: TokenStream,
    ty: TokenStream,
    /// As arguments of `call`.
    arguments: TokenStream,
    names: TokenStream,
    /// Of these arguments, a value of the type.
    value: TokenStream,
    /// Of a value `params` of the type, the arguments of the function.
    taken: TokenStream,
    text: String,
}

impl Params {
    fn written(&self) -> Written {
        let (params, Self { arguments, whole }) = (local("params"), self);
        let names: Vec<_> = arguments.iter().map(|(name, _)| name).collect();
        let types: Vec<_> = arguments.iter().map(|(_, ty)| ty).collect();
        let written =
            Written { arguments: quote!(#(#names: #types),*), names: quote!(#(#names),*), ..Written::default() };
        match *types {
            [] => Written { ty: quote!(()), value: quote!(()), ..written },
            [ty] if *whole => {
                let value = quote!(#(#names)*);
                Written { ty: ty.to_token_stream(), value, taken: params.to_token_stream(), text: text(ty), ..written }
            }
            _ => {
                let json: Vec<_> = names.iter().map(|name| camel_case(name)).collect();
                let texts: Vec<_> = json.iter().zip(&types).map(|(name, ty)| format!("{name}: {}", text(ty))).collect();
                Written {
                    declared: quote! {
                        #[derive(::agent_sdk::generated::serde::Deserialize, ::agent_sdk::generated::serde::Serialize)]
                        #[serde(crate = "::agent_sdk::generated::serde")]
                        struct __Params { #(#[serde(rename = #json)] #names: #types),* }
                    },
                    ty: quote!(__Params),
                    value: quote!(__Params { #(#names),* }),
                    taken: quote!(#(#params.#names),*),
                    text: format!("{{ {} }}", texts.join(", ")),
                    ..written
                }
            }
        }
    }
}

/// The name of an argument as a member of an object: as the protocol writes its own.
fn camel_case(name: &Ident) -> String {
    let name = name.to_string();
    let mut words = name.trim_start_matches("r#").split('_').filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let mut letters = word.chars();
        name.chars().chain(letters.next().into_iter().flat_map(char::to_uppercase)).chain(letters).collect()
    })
}

/// A type as people write it; tokens by themselves have spaces all around.
fn text(ty: &Type) -> String {
    const SPACES: [(&str, &str); 8] =
        [(" < ", "<"), ("< ", "<"), (" >", ">"), (" :: ", "::"), (" ,", ","), (" ;", ";"), ("( ", "("), (" )", ")")];
    SPACES.iter().fold(ty.to_token_stream().to_string(), |text, (from, to)| text.replace(from, to))
}

/// The implementation of `RpcMethod`.
fn answer(ident: &Ident, name: &LitStr, attributes: &[Attribute], shape: &Shape, params: &Written) -> TokenStream {
    let (description, Answer { result, item, stream }) = (description(attributes), &shape.answer);
    let (result_text, streams) = (text(result), stream.is_some());
    let (state, context, call, read) = (local("state"), local("context"), local("call"), local("params"));
    let Written { ty, taken, text, .. } = params;
    let (state_type, given) = match &shape.state {
        Some(ty) => (ty.to_token_stream(), quote!(#state,)),
        None => (quote!(()), TokenStream::new()),
    };
    let answered = quote_spanned!(item.span()=> #ident(#given #context, #taken).await?);
    let reply = match streams {
        false => quote!(::agent_sdk::ports::Reply::custom::<#result>(&#answered)),
        true => quote!(::core::result::Result::Ok(::agent_sdk::ports::Reply::custom_stream::<#result>(#answered))),
    };
    quote! {
        impl ::agent_sdk::ports::RpcMethod for #ident {
            const NAME: &'static str = #name;
            const DESCRIPTION: &'static str = #description;
            const PARAMS: &'static str = #text;
            const RESULT: &'static str = #result_text;
            const STREAMS: bool = #streams;
            type State = #state_type;
            async fn answer(
                #state: #state_type,
                #context: ::agent_sdk::ports::CallContext,
                #call: ::agent_sdk::protocol::CustomCall,
            ) -> ::core::result::Result<::agent_sdk::ports::Reply, ::agent_sdk::protocol::Error> {
                let #read = #call.read::<#ty>()?;
                #reply
            }
        }
    }
}

/// The functions that call the method.
fn call(function: &Function, name: &LitStr, shape: &Shape, params: &Written) -> TokenStream {
    let Function { visibility, signature, body, .. } = function;
    let (ident, Answer { result, item, stream }) = (&signature.ident, &shape.answer);
    let (agent, context) = (local("agent"), local("context"));
    let Written { ty, arguments, names, value, .. } = params;
    let error = quote!(::agent_sdk::protocol::Error);
    // What a function fails with need not be what its callers are told; of one without a body it is.
    let one = match body {
        Some(_) => quote!(::core::result::Result<#result, #error>),
        None => item.to_token_stream(),
    };
    let boxed = quote!(::agent_sdk::ports::BoxStream<'static, #one>);
    let (operation, returned, unfit) = match stream {
        None => ("call", one, "InvalidAgentResponse when the result is of another type."),
        Some(_) => {
            let returned = quote!(::core::result::Result<#boxed, #error>);
            ("call_streaming", returned, "InvalidAgentResponse when it does not stream.")
        }
    };
    // Without it, what a function without a body needs for the type of its stream were not used.
    let fit = stream.iter().filter(|_| body.is_none()).map(|stream| {
        quote! {
            #[allow(dead_code)]
            fn __stream(stream: #boxed) -> #stream {
                stream
            }
        }
    });
    let summary =
        format!("Calls the method `{}` of an agent.\n\n# Errors\nWhat the agent answers; {unfit}", name.value());
    let operation = format_ident!("{operation}");
    quote! {
        impl #ident {
            #[doc = #summary]
            #[allow(dead_code, clippy::too_many_arguments)]
            #visibility async fn call(
                #agent: &(impl ::agent_sdk::ports::AgentService + ?::core::marker::Sized),
                #arguments
            ) -> #returned {
                Self::call_with(#agent, ::agent_sdk::ports::CallContext::new(), #names).await
            }

            /// As `call`, with what is known of the call besides: extensions to activate, who is behind it.
            #[allow(dead_code, clippy::too_many_arguments)]
            #visibility async fn call_with(
                #agent: &(impl ::agent_sdk::ports::AgentService + ?::core::marker::Sized),
                #context: ::agent_sdk::ports::CallContext,
                #arguments
            ) -> #returned {
                ::agent_sdk::generated::#operation::<#ty, #result>(#agent, #context, #name, &#value).await
            }
        }
        #(#fit)*
    }
}

/// A name of the generated code, which no argument of the function can be mistaken for.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

fn only<'a>(attributes: &'a [Attribute], names: &[&str]) -> Vec<&'a Attribute> {
    attributes.iter().filter(|attribute| names.iter().any(|name| attribute.path().is_ident(name))).collect()
}

/// The comment on the function, without the space at the beginning of its lines.
fn description(attributes: &[Attribute]) -> TokenStream {
    let mut lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(line) if line.path.is_ident("doc") => Some(match &line.value {
            Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) => {
                let line = line.value();
                line.strip_prefix(' ').unwrap_or(&line).to_token_stream()
            }
            other => other.to_token_stream(),
        }),
        _ => None,
    });
    let first = lines.next();
    quote!(::core::concat!(#first #(, "\n", #lines)*))
}
