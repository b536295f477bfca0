//! What a function is as a method, or why it cannot be one.

use proc_macro2::Span;
use syn::{
    Error, FnArg, GenericArgument, Ident, Pat, PatType, PathArguments, PathSegment, Result, ReturnType, Safety,
    Signature, Type, TypeParamBound, punctuated::Punctuated,
};

use crate::function::Function;

pub(crate) struct Shape {
    /// The type of what the method needs besides the call.
    pub(crate) state: Option<Type>,
    pub(crate) params: Params,
    pub(crate) answer: Answer,
}

pub(crate) struct Answer {
    /// The result, or each of the results.
    pub(crate) result: Type,
    /// The `Result` of it, as it is written; where there is a stream, of each.
    pub(crate) item: Type,
    /// The stream, as it is written.
    pub(crate) stream: Option<Type>,
}

pub(crate) struct Params {
    pub(crate) arguments: Vec<(Ident, Type)>,
    /// Whether the only argument is all of them; otherwise each is a member.
    pub(crate) whole: bool,
}

/// Types that JSON-RPC cannot carry as parameters.
const SCALARS: [&str; 18] = [
    "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "str", "String", "u8", "u16", "u32",
    "u64", "u128", "usize",
];

impl Shape {
    pub(crate) fn of(function: &Function) -> Result<Self> {
        plain(function)?;
        let mut arguments = Vec::new();
        for argument in &function.signature.inputs {
            match argument {
                FnArg::Typed(argument) => arguments.push(argument),
                FnArg::Receiver(receiver) => {
                    let fault = "a method has no `self`: what it needs is an argument before the context";
                    return Err(Error::new_spanned(receiver, fault));
                }
            }
        }
        let (state, params) = match function.body {
            Some(_) => before_context(&arguments, function.signature.paren_token.span.join())?,
            None => (None, &arguments[..]),
        };
        Ok(Self { state, params: Params::of(params)?, answer: Answer::of(&function.signature)? })
    }
}

/// Sees that a function is asynchronous and nothing else.
fn plain(function: &Function) -> Result<()> {
    let signature = &function.signature;
    if signature.asyncness.is_none() {
        return Err(Error::new_spanned(signature.fn_token, "a method is an `async fn`"));
    }
    if let Safety::Unsafe(word) = &signature.safety {
        return Err(Error::new_spanned(word, "anybody can call a method: it cannot be `unsafe`"));
    }
    if let Some(argument) = signature.generics.params.first() {
        let fault = "a method has parameters and a result of one type each: it cannot be generic";
        return Err(Error::new_spanned(argument, fault));
    }
    let again = function.attributes.iter().find(|attribute| attribute.path().is_ident("a2a_rpc"));
    again.map_or(Ok(()), |again| Err(Error::new_spanned(again, "a function is one method: there is a name already")))
}

/// Splits arguments at the context: the state before it, the parameters behind it.
fn before_context<'a>(arguments: &'a [&'a PatType], all: Span) -> Result<(Option<Type>, &'a [&'a PatType])> {
    let position = arguments.iter().position(|argument| is_context(&argument.ty));
    match position {
        Some(0) => Ok((None, &arguments[1..])),
        Some(1) => Ok((Some((*arguments[0].ty).clone()), &arguments[2..])),
        Some(_) => Err(Error::new_spanned(arguments[1], "one argument at most is before the context: the state")),
        None => {
            let fault = "the first argument of a method is the context of the call: `context: CallContext`";
            Err(arguments.first().map_or_else(|| Error::new(all, fault), |first| Error::new_spanned(first, fault)))
        }
    }
}

fn is_context(ty: &Type) -> bool {
    last(ty).is_some_and(|segment| segment.ident == "CallContext")
}

impl Params {
    fn of(arguments: &[&PatType]) -> Result<Self> {
        let arguments: Vec<_> = arguments.iter().map(|argument| argument_of(argument)).collect::<Result<_>>()?;
        let Some((name, ty)) = arguments.iter().find(|(name, _)| name == "params") else {
            return Ok(Self { arguments, whole: false });
        };
        if arguments.len() > 1 {
            return Err(Error::new_spanned(
                name,
                "an argument `params` is the parameters as a whole, and the only one",
            ));
        }
        if last(ty).is_some_and(|segment| SCALARS.iter().any(|scalar| segment.ident == scalar)) {
            let fault = "parameters are an object or an array in JSON-RPC, never this alone: under another name it is \
                         a member of them";
            return Err(Error::new_spanned(ty, fault));
        }
        Ok(Self { arguments, whole: true })
    }
}

fn argument_of(argument: &PatType) -> Result<(Ident, Type)> {
    let name = match &*argument.pat {
        Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => pattern.ident.clone(),
        other => {
            let fault = "an argument needs a name, by which it is a member of the parameters; one that is called \
                         `params` is all of them";
            return Err(Error::new_spanned(other, fault));
        }
    };
    match &*argument.ty {
        ty @ Type::Reference(_) => {
            Err(Error::new_spanned(ty, "parameters are read from JSON: this cannot be borrowed"))
        }
        ty @ Type::ImplTrait(_) => Err(Error::new_spanned(ty, "parameters are of one type each: this is generic")),
        ty => Ok((name, ty.clone())),
    }
}

impl Answer {
    fn of(signature: &Signature) -> Result<Self> {
        const FAULT: &str = "a method returns a `Result<T, Error>`, or, to stream, a \
                             `Result<impl Stream<Item = Result<T, Error>>, Error>`";
        let ReturnType::Type(_, output) = &signature.output else {
            return Err(Error::new_spanned(&signature.ident, FAULT));
        };
        let value = ok(output).ok_or_else(|| Error::new_spanned(output, FAULT))?;
        let (item, stream) = streamed(value).map_or((&**output, None), |item| (item, Some(value.clone())));
        let result = ok(item).ok_or_else(|| Error::new_spanned(item, FAULT))?;
        Ok(Self { result: result.clone(), item: item.clone(), stream })
    }
}

/// `T` of `Result<T, ..>`.
fn ok(ty: &Type) -> Option<&Type> {
    last(ty).filter(|segment| segment.ident == "Result").and_then(first_type)
}

/// The items of a stream, if it is written as one: `impl Stream<Item = ..>`, `BoxStream<'_, ..>`, or a
/// `dyn Stream<Item = ..>` in a `Pin<Box<..>>`.
fn streamed(ty: &Type) -> Option<&Type> {
    let bounds = match ty {
        Type::ImplTrait(stream) => &stream.bounds,
        Type::TraitObject(stream) => &stream.bounds,
        _ => {
            let segment = last(ty)?;
            let within = || first_type(segment);
            return match &*segment.ident.to_string() {
                "BoxStream" | "LocalBoxStream" => within(),
                "Pin" | "Box" => streamed(within()?),
                _ => None,
            };
        }
    };
    bounds.iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else { return None };
        let segment = bound.path.segments.last().filter(|segment| segment.ident == "Stream")?;
        arguments(segment)?.iter().find_map(|argument| match argument {
            GenericArgument::AssocType(item) if item.ident == "Item" => Some(&item.ty),
            _ => None,
        })
    })
}

fn last(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        Type::Group(group) => last(&group.elem),
        _ => None,
    }
}

fn arguments(segment: &PathSegment) -> Option<&Punctuated<GenericArgument, syn::Token![,]>> {
    match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
        _ => None,
    }
}

fn first_type(segment: &PathSegment) -> Option<&Type> {
    arguments(segment)?.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}
