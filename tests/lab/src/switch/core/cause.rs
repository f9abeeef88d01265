//! Hangup causes and SIP statuses, as mod_sofia turns one into the other.

/// The status that refuses a call which ends for this cause before it is answered (hangup_cause_to_sip).
pub(super) fn status_of(cause: &str) -> u16 {
    match cause {
        "UNALLOCATED_NUMBER" | "NO_ROUTE_DESTINATION" | "NO_ROUTE_TRANSIT_NET" => 404,
        "USER_BUSY" => 486,
        "NO_USER_RESPONSE" => 408,
        "CALL_REJECTED" => 603,
        "NUMBER_CHANGED" => 410,
        "DESTINATION_OUT_OF_ORDER" => 502,
        "INVALID_NUMBER_FORMAT" => 484,
        "INCOMPATIBLE_DESTINATION" => 488,
        "NORMAL_CIRCUIT_CONGESTION"
        | "NORMAL_TEMPORARY_FAILURE"
        | "NETWORK_OUT_OF_ORDER"
        | "SWITCH_CONGESTION"
        | "REQUESTED_CHAN_UNAVAIL" => 503,
        "OUTGOING_CALL_BARRED" | "INCOMING_CALL_BARRED" | "BEARERCAPABILITY_NOTAUTH" => 403,
        "ORIGINATOR_CANCEL" => 487,
        "RECOVERY_ON_TIMER_EXPIRE" => 504,
        _ => 480,
    }
}

/// The cause for which a leg ends that was refused with this status (sofia_glue_sip_cause_to_freeswitch).
pub(super) fn of_status(status: u16) -> &'static str {
    match status {
        401 | 402 | 403 | 407 | 603 => "CALL_REJECTED",
        404 | 485 | 604 => "UNALLOCATED_NUMBER",
        408 | 504 => "RECOVERY_ON_TIMER_EXPIRE",
        410 => "NUMBER_CHANGED",
        413 | 414 | 416 | 420 | 421 | 423 | 505 | 513 => "INTERWORKING",
        480 => "NO_USER_RESPONSE",
        400 | 481 | 500 | 503 => "NORMAL_TEMPORARY_FAILURE",
        486 | 600 => "USER_BUSY",
        484 => "INVALID_NUMBER_FORMAT",
        488 | 606 => "INCOMPATIBLE_DESTINATION",
        502 => "NETWORK_OUT_OF_ORDER",
        405 => "SERVICE_UNAVAILABLE",
        406 | 415 | 501 => "SERVICE_NOT_IMPLEMENTED",
        482 | 483 => "EXCHANGE_ROUTING_ERROR",
        487 => "ORIGINATOR_CANCEL",
        300..=399 => "REQUESTED_CHAN_UNAVAIL",
        _ => "NORMAL_UNSPECIFIED",
    }
}

/// ITU-T Q.850's number of a cause; 0 for those of FreeSWITCH's own.
pub(super) fn q850(cause: &str) -> u16 {
    match cause {
        "UNALLOCATED_NUMBER" => 1,
        "NO_ROUTE_DESTINATION" => 3,
        "NORMAL_CLEARING" => 16,
        "USER_BUSY" => 17,
        "NO_USER_RESPONSE" => 18,
        "NO_ANSWER" => 19,
        "CALL_REJECTED" => 21,
        "NUMBER_CHANGED" => 22,
        "EXCHANGE_ROUTING_ERROR" => 25,
        "DESTINATION_OUT_OF_ORDER" => 27,
        "INVALID_NUMBER_FORMAT" => 28,
        "NORMAL_UNSPECIFIED" => 31,
        "NORMAL_CIRCUIT_CONGESTION" => 34,
        "NETWORK_OUT_OF_ORDER" => 38,
        "NORMAL_TEMPORARY_FAILURE" => 41,
        "SWITCH_CONGESTION" => 42,
        "REQUESTED_CHAN_UNAVAIL" => 44,
        "SERVICE_UNAVAILABLE" => 63,
        "SERVICE_NOT_IMPLEMENTED" => 79,
        "INCOMPATIBLE_DESTINATION" => 88,
        "RECOVERY_ON_TIMER_EXPIRE" => 102,
        "INTERWORKING" => 127,
        _ => 0,
    }
}

/// The causes that a controller may name; what else it says is taken for NORMAL_CLEARING.
pub(super) fn known(cause: &str) -> &str {
    let own = ["LOSE_RACE", "ORIGINATOR_CANCEL", "MEDIA_TIMEOUT", "ALLOTTED_TIMEOUT", "PICKED_OFF"];
    if q850(cause) != 0 || own.contains(&cause) || status_of(cause) != 480 {
        cause
    } else {
        "NORMAL_CLEARING"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_and_statuses_are_those_that_were_seen() {
        let refused = ["USER_BUSY", "CALL_REJECTED", "NORMAL_TEMPORARY_FAILURE", "NO_ANSWER", "LOSE_RACE"];
        assert_eq!(refused.map(status_of), [486, 603, 503, 480, 480]);
        let seen = [486, 603, 503, 404, 408, 302].map(of_status);
        let causes = ["USER_BUSY", "CALL_REJECTED", "NORMAL_TEMPORARY_FAILURE", "UNALLOCATED_NUMBER"];
        assert_eq!(seen[..4], causes);
        assert_eq!(seen[4..], ["RECOVERY_ON_TIMER_EXPIRE", "REQUESTED_CHAN_UNAVAIL"]);
        assert_eq!(
            (known("LOSE_RACE"), known("USER_BUSY"), known("GARBAGE")),
            ("LOSE_RACE", "USER_BUSY", "NORMAL_CLEARING")
        );
    }
}
