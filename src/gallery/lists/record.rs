//! One record whose values are at hand by their names: the same readings as of every list.

use super::Item;
use super::fields::Fields;
use super::names::Field;
use crate::error::Result;

/// Gives what a record of these names and values holds, as if it stood in a list: its entries, its removal, or why there is none. Names that say
/// nothing are skipped.
///
/// # Errors
///
/// Those of `give`.
pub(crate) fn record(
    values: &[(&str, &str)],
    position: u64,
    give: &mut dyn FnMut(Item) -> Result<()>,
) -> Result<()> {
    let mut fields = Fields::default();
    for (name, value) in values {
        if let Some(field) = Field::named(name) {
            fields.set(field, value);
        }
    }
    fields.tell(position, give)
}
