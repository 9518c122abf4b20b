//! How a trace is cut into what is in flight together: requests for distinct keys.
//!
//! A look-aside client has asked for all keys of a window before it stores the first that was
//! missing, so a key asked for again would miss again: it begins the next window. Writes of a
//! window follow its reads, which are of other keys.

use std::iter::{Enumerate, Peekable};

use crate::clock::Pace;
use crate::workloads::{Request, Requests};

/// Requests of a window, at most.
pub const WINDOW_MAX: usize = 32;
/// What is due later than this after a window's first request waits for the next window.
const WINDOW_MS: u64 = 10;

/// Cuts requests into windows.
pub struct Windows {
    requests: Peekable<Enumerate<Requests>>,
    pace: Pace,
}

impl Windows {
    pub fn new(requests: Requests, pace: Pace) -> Windows {
        Windows { requests: requests.enumerate().peekable(), pace }
    }

    /// Replaces `window` by the next: all of distinct keys. When it is
    /// due, in milliseconds since the first; `None`: there are no more.
    pub fn next(&mut self, window: &mut Vec<Request>) -> Option<u64> {
        let pace = self.pace;
        let due_ms = |(number, request): &(usize, Request)| pace.clock_ms(request, *number as u64);
        window.clear();
        let begin_ms = due_ms(self.requests.peek()?);
        while window.len() < WINDOW_MAX {
            let fits = |next: &(usize, Request)| {
                let (_, Request { key, .. }) = *next;
                window.iter().all(|one| one.key != key) && due_ms(next) <= begin_ms + WINDOW_MS
            };
            let Some((_, request)) = self.requests.next_if(fits) else { break };
            window.push(request);
        }
        Some(begin_ms)
    }
}
