//! What is known of a call before it does anything.

use settings::Secret;
use twiml::Method;

/// Which way a call came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// A caller rang us.
    Inbound,
    /// The API asked for it; Twilio says `outbound-api`.
    OutboundApi,
    /// A leg of a Dial that executes an application of its own; `outbound-dial`.
    OutboundDial,
}

/// What a call is and whom it belongs to.
#[derive(Debug, Clone)]
pub struct Facts {
    /// FreeSWITCH's name for the channel, which the API knows as the call's id.
    pub channel: String,
    /// The platform's name for the call; `CallSid` to the customer.
    pub call_sid: String,
    /// Whose call it is.
    pub account_sid: String,
    /// The key of signatures on requests to the customer.
    pub auth_token: Secret,
    /// Which way it came to be.
    pub direction: Direction,
    /// `ApiVersion`: `2010-04-01`.
    pub api_version: String,
    /// The caller, as the customer is told.
    pub from: String,
    /// Who was called, as the customer is told.
    pub to: String,
    /// The voice where a Say names none.
    pub default_voice: String,
    /// Where it turns when a document cannot be had or read: absolute, and how it is asked.
    pub fallback: Option<(String, Method)>,
}

/// What a call executes: at its beginning, and from when it is updated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Application {
    /// The document that this URL answers with.
    Url {
        /// Absolute.
        url: String,
        /// How it is asked.
        method: Method,
    },
    /// This document.
    Twiml(String),
}
