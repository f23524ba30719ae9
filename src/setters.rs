//! Setters for the structs of choices.

/// Setters for a struct that is `#[non_exhaustive]`, named like its fields: whoever is outside the crate starts from its defaults, and a new
/// field breaks nobody.
macro_rules! setters {
    ($of:ident { $($field:ident: $kind:ty),* $(,)? }) => {
        impl $of {
            $(
                #[doc = concat!("The same with this `", stringify!($field), "`.")]
                #[must_use]
                pub fn $field(self, $field: $kind) -> $of {
                    $of { $field, ..self }
                }
            )*
        }
    };
}
