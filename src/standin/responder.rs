//! What the server asks of a stand-in, whomever it stands in for.

use super::fault::Fault;
use super::http::{Asked, Reply};

/// What a stand-in is to the server, which reads requests, waits, and ends connections.
pub(super) trait Responder: Send {
    /// What goes wrong with a request, whose body was not read yet.
    fn fault(&mut self, asked: &Asked) -> Fault;

    /// Answers a request to which this happens.
    fn answer(&mut self, asked: &Asked, fault: &Fault) -> Reply;
}
