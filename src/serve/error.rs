//! How a service says what is wrong with a request: code, message, hint, and the field it is about.
//!
//! The hint follows the message after a line break (`hint: …`), so that every gRPC client shows it. The field
//! travels in the metadata of the status, for clients that mark it in a form; REST puts it beside the message.

use tonic::Status;
use tonic::metadata::{Ascii, MetadataValue};

/// Metadata of a failed call: the field of the request that is wrong, such as `filter.from`.
pub const FIELD: &str = "coldstream-field";
/// Between message and hint in the message of a status.
const HINT: &str = "\nhint: ";

/// `INVALID_ARGUMENT` because of `field` of the request: its path in the proto, such as `filter.from`.
pub fn invalid(field: &str, message: impl Into<String>) -> Status {
    of_field(field, Status::invalid_argument(message))
}

/// Adds to `status` which field of the request it is about.
pub fn of_field(field: &str, mut status: Status) -> Status {
    match field.parse::<MetadataValue<Ascii>>() {
        Ok(value) => {
            status.metadata_mut().insert(FIELD, value);
        }
        // The message names the field as well.
        Err(error) => tracing::debug!(field, %error, "a field cannot be told in metadata"),
    }
    status
}

/// The field that a status is about, if it says so.
pub fn field_of(status: &Status) -> Option<&str> {
    status.metadata().get(FIELD)?.to_str().ok()
}

/// A message with what to do about it.
pub fn with_hint(message: impl AsRef<str>, hint: &str) -> String {
    format!("{}{HINT}{hint}", message.as_ref())
}

/// Takes apart what [`with_hint`] put together.
pub fn split_hint(message: &str) -> (&str, Option<&str>) {
    match message.split_once(HINT) {
        Some((message, hint)) => (message, Some(hint)),
        None => (message, None),
    }
}
