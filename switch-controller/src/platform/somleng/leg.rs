//! What the platform wants to find on channels.
//!
//! This file must not contain: I/O of any kind.

use super::wire::Billing;

/// The only header field of ours that carriers see: by it the platform finds the call of a call data record.
pub const CALL_SID: &str = "X-Somleng-CallSid";

/// Whose call a channel is, and how it is paid for.
#[derive(Debug, Clone, Copy)]
pub struct Payer<'a> {
    /// CGRateS's tenant.
    pub carrier_sid: &'a str,
    /// CGRateS's account.
    pub account_sid: &'a str,
    /// Who is called.
    pub destination: &'a str,
    /// How it is paid for.
    pub billing: Option<&'a Billing>,
}

/// Variables of a call's channel: that it has a call data record; and for CGRateS who pays, if anybody does (L2, L3).
pub fn variables(payer: Payer<'_>) -> Vec<(String, String)> {
    let mut variables = vec![("record_cdr".to_owned(), "true".to_owned())];
    let Some(billing) = payer.billing.filter(|billing| billing.enabled) else { return variables };
    let mode = billing.billing_mode.as_deref().unwrap_or("prepaid");
    let paid = [
        ("cgr_tenant", payer.carrier_sid.to_owned()),
        ("cgr_account", payer.account_sid.to_owned()),
        ("cgr_category", billing.category.clone().unwrap_or_default()),
        ("cgr_destination", payer.destination.to_owned()),
        ("cgr_reqtype", format!("*{mode}")),
    ];
    variables.extend(paid.into_iter().map(|(name, value)| (name.to_owned(), value)));
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l2_l3_who_pays_is_said_only_where_somebody_does() {
        fn payer(billing: Option<&Billing>) -> Payer<'_> {
            Payer { carrier_sid: "CR1", account_sid: "AC1", destination: "+855", billing }
        }
        let plain = vec![("record_cdr".to_owned(), "true".to_owned())];
        assert_eq!(variables(payer(None)), plain);
        let nobody = Billing::default();
        assert_eq!(variables(payer(Some(&nobody))), plain);
        let billing = Billing {
            enabled: true,
            category: Some("inbound_calls".to_owned()),
            billing_mode: Some("postpaid".to_owned()),
        };
        let paid = variables(payer(Some(&billing)));
        let value =
            |name: &str| paid.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        assert_eq!(value("cgr_reqtype"), Some("*postpaid"));
        assert_eq!(value("cgr_tenant"), Some("CR1"));
        assert_eq!(value("cgr_category"), Some("inbound_calls"));
    }
}
