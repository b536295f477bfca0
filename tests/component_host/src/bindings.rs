//! What a component imports from Spin itself, generated from the interfaces in `wit`.

wasmtime::component::bindgen!({
    inline: "
        package nuncio:component-host;

        world stores {
            import spin:sqlite/sqlite@3.1.0;
            import spin:key-value/key-value@3.0.0;
        }
    ",
    path: ["wit/sqlite.wit", "wit/key-value.wit"],
    imports: { default: async | trappable },
    with: {
        "spin:sqlite/sqlite.connection": crate::sqlite::Connection,
        "spin:key-value/key-value.store": crate::key_value::Store,
    },
    trappable_error_type: {
        "spin:sqlite/sqlite.error" => crate::bindings::spin::sqlite::sqlite::Error,
        "spin:key-value/key-value.error" => crate::bindings::spin::key_value::key_value::Error,
    },
});
