//! Scenarios times bindings.

/// Makes a test of each scenario for each of the bindings, in a module of its name. After `if`, scenarios of which a
/// binding can say nothing name the method of `Binding` that tells which can.
macro_rules! over_bindings {
    ($bindings:tt if $can:ident; $($scenario:ident),* $(,)?) => {
        $crate::matrix::over_bindings!(@each $bindings (if $can) ($($scenario),*));
    };
    ($bindings:tt $($scenario:ident),* $(,)?) => {
        $crate::matrix::over_bindings!(@each $bindings () ($($scenario),*));
    };
    (@each { $($module:ident: $binding:ident),* $(,)? } $condition:tt $scenarios:tt) => {
        $(mod $module { $crate::matrix::over_bindings!(@tests $binding $condition $scenarios); })*
    };
    (@tests $binding:ident $condition:tt ($($scenario:ident),*)) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                let binding = $crate::bindings::Binding::$binding;
                if $crate::matrix::over_bindings!(@can binding $condition) {
                    super::$scenario(binding).await;
                }
            }
        )*
    };
    (@can $binding:ident ()) => { true };
    (@can $binding:ident (if $can:ident)) => { $binding.$can() };
}
pub(crate) use over_bindings;
