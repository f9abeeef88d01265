//! D: documents. H: what of requests concerns them.

use twiml::{Document, Method, Severity, Url, Verb};

use crate::{only, problems, response};

fn parse(text: &str) -> Result<Document, String> {
    Document::parse(text.as_bytes()).map_err(|error| error.to_string())
}

fn names(document: &Document) -> Vec<&str> {
    (0..document.len()).filter_map(|index| document.name(index)).collect()
}

#[test]
fn d1_blanks_comments_declarations_and_instructions_are_skipped_at_every_level() {
    let text = "\n  <?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<!-- a --><?php x?>\n<Response>\n\n <!-- <Say/> -->\n\
         <Gather>\n<!-- <Record/> -->\n<Play>http://a/b</Play> </Gather> <?x y?>\n\
         <Dial> <!-- <Number>1</Number> --> <Number>2</Number>\n</Dial></Response>\n<!-- end -->\n";
    let document = parse(text).unwrap();
    assert_eq!(names(&document), ["Gather", "Dial"]);
    assert!(document.problems().is_empty(), "{:?}", document.problems());
}

#[test]
fn d2_the_root_is_response() {
    for bad in ["<Play>x</Play>", "<response/>", "<tw:Response xmlns:tw='x'/>"] {
        let error = "line 1, column 1: The root element must be the <Response> element";
        assert_eq!(parse(bad), Err(error.into()), "{bad}");
    }
}

#[test]
fn d3_what_is_no_xml_is_named() {
    let error =
        "line 1, column 1: Error while parsing XML: expected the <Response> element, found \"Foobar\"";
    assert_eq!(parse("Foobar"), Err(error.into()));
    let html = "<!DOCTYPE html><html><body>404</body></html>";
    assert!(parse(html).unwrap_err().contains("expected no document type (DTD) in TwiML"));
    assert!(parse("").unwrap_err().ends_with("expected the <Response> element, found the end"));
}

#[test]
fn d4_verbs_before_an_unknown_one_are_read() {
    let document = response("<Say>a</Say>\n<Foobar x='y'><Say/></Foobar>");
    assert!(matches!(document.verb(0), Some(Ok(Verb::Say(_)))));
    let Some(Ok(Verb::Unsupported(unknown))) = document.verb(1) else { panic!("{document:?}") };
    assert_eq!((unknown.name.as_str(), unknown.known), ("Foobar", false));
    assert_eq!(unknown.to_string(), "line 2, column 1: Invalid element <Foobar>");
    assert_eq!(Some(unknown.position), document.position(1));
}

#[test]
fn d5_names_of_verbs_are_case_sensitive() {
    assert_eq!(only!(Unsupported, "<say>a</say>").error().kind.to_string(), "Invalid element <say>");
}

#[test]
fn d6_text_between_verbs_is_an_invalid_element() {
    let document =
        response("<Say/>\r\n  stray &amp; text<!-- x --> more <Say/>&#65;<![CDATA[b]]><Say/><![CDATA[c]]>");
    assert_eq!(names(&document), ["Say", "text", "Say", "text", "Say", "text"]);
    let Some(Ok(Verb::Unsupported(text))) = document.verb(1) else { panic!("{document:?}") };
    assert_eq!(text.to_string(), "line 2, column 3: Invalid element <text>");
    assert!(matches!(document.verb(3), Some(Ok(Verb::Unsupported(_)))));
    assert!(matches!(document.verb(5), Some(Ok(Verb::Unsupported(_)))));
}

#[test]
fn d7_pause_is_taken_and_verbs_of_twilio_that_are_not_are_named() {
    assert!(matches!(crate::verb("<Pause/>"), Verb::Pause(_)));
    for name in ["Connect", "Start", "Stop", "Enqueue", "Leave", "Pay", "Sms"] {
        let verb = only!(Unsupported, &format!("<{name}><Stream url='wss://a'/></{name}>"));
        assert_eq!((verb.known, verb.error().kind.to_string()), (true, format!("<{name}> is not supported")));
    }
}

#[test]
fn d8_unknown_attributes_change_nothing_and_are_reported() {
    let say = only!(Say, "<Say colour='red' xmlns:x='y' x:z='1' xml:lang='de'>a</Say>");
    assert_eq!(say, only!(Say, "<Say>a</Say>"));
    let reported = problems("<Say colour='red' xmlns:x='y' x:z='1' xml:lang='de'>a</Say>");
    assert_eq!(reported, ["warning: line 1, column 16: 'colour' of <Say> is ignored"]);
}

#[test]
fn d9_each_verb_is_looked_at_when_it_is_reached() {
    let document = response("<Say>a</Say>\n<Redirect/>\n<Say loop='x'>b</Say>\n<Foo/>");
    assert!(document.verb(0).unwrap().is_ok() && document.verb(2).unwrap().is_ok());
    let error = document.verb(1).unwrap().unwrap_err();
    assert_eq!(error.to_string(), "line 2, column 1: <Redirect> must contain a URL");
    assert_eq!(document.verb(4), None);
    let problems = document.problems();
    let lines: Vec<_> = problems.iter().map(|p| (p.severity, p.error.position.line)).collect();
    assert_eq!(lines, [(Severity::Error, 2), (Severity::Warning, 3), (Severity::Error, 4)]);
}

#[test]
fn a_verb_is_found_again_by_its_number_in_the_source() {
    let document = response("<Say>ក</Say><Play>http://a</Play>text<Hangup/>");
    let again = Document::parse(document.source().as_bytes()).unwrap();
    assert_eq!(again, document);
    assert!(again.verbs().eq(document.verbs()));
}

#[test]
fn an_empty_response_has_no_verbs() {
    for text in
        ["<Response/>", "<Response></Response>", "<Response>\n<!-- --></Response>", "<Response a='b' />"]
    {
        assert!(parse(text).unwrap().is_empty(), "{text}");
    }
}

#[test]
fn what_customers_get_wrong_is_shown_where_it_stands() {
    let cases = [
        ("<Response>\n  <Say>a & b</Say></Response>", 2, 10, "&amp;"),
        ("<Response><Gather action='/x?a=1&b=2'/></Response>", 1, 33, "a plain & is written &amp;"),
        ("<Response><Say>&nbsp;</Say></Response>", 1, 16, "&amp;"),
        ("<Response><Say>a</Play></Response>", 1, 17, "expected </Say>, found \"</Play></Response>\""),
        ("<Response><Say>a</Say>", 1, 23, "the end of every element that was begun, found the end"),
        ("<Response></Response>\n<Response/>", 2, 1, "nothing behind </Response>, found \"<Response/>\""),
        ("<Response></Response>\nx", 1, 22, "nothing behind </Response>"),
        ("<Response><Say voice=woman/></Response>", 1, 22, "the value of an attribute in quotes"),
        ("<Response><Say voice></Say></Response>", 1, 21, "= behind the name"),
        ("<Response><Say a='1' a='2'/></Response>", 1, 22, "each attribute once"),
        ("<Response><Say a='1'b='2'/></Response>", 1, 21, "white space between attributes"),
        ("<Response><Say a='<'/></Response>", 1, 19, "&lt; in place of <"),
        ("<Response><Say>1 < 2</Say></Response>", 1, 18, "&lt; in place of it"),
        ("<Response><1/></Response>", 1, 11, "the name of an element"),
        ("<Response><Say 1='x'/></Response>", 1, 16, "the name of an attribute"),
        ("<Response><!-- <Say/></Response>", 1, 11, "markup that ends"),
        ("<Response><Say voice='x/></Response>", 1, 11, "markup that ends"),
        ("</Response>", 1, 1, "no end of an element here"),
        ("<Response/><?xml version='1.0'?>", 1, 12, "an XML declaration only at the beginning"),
        ("<Response>\n<!DOCTYPE x></Response>", 2, 1, "no document type"),
        ("\u{feff}\u{feff}<Response/>", 1, 1, "the <Response> element"),
    ];
    for (text, line, column, what) in cases {
        let error = parse(text).unwrap_err();
        let begins = format!("line {line}, column {column}: Error while parsing XML: expected ");
        assert!(error.starts_with(&begins) && error.contains(what), "{text}\n{error}");
    }
}

#[test]
fn error_texts_stay_on_one_line_and_are_short() {
    let long = "x\u{1b}[2J".repeat(500);
    let error = parse(&format!("<Response><Redirect>ftp://{}</Redirect></Response>", "y".repeat(500)));
    let error = error.unwrap().verb(0).unwrap().unwrap_err().to_string();
    assert!(error.len() < 200, "{error}");
    assert!(parse(&long).is_err_and(|error| !error.contains('\u{1b}') && error.len() < 300));
    let name = "N".repeat(5_000);
    assert!(only!(Unsupported, &format!("<{name}/>")).to_string().len() < 200);
}

// The case of the letters is Twilio's to ignore; Somleng took "get" for POST.
#[test]
fn h7_get_in_any_case_is_get_and_anything_else_is_post() {
    for (method, expected) in
        [("GET", Method::Get), ("get", Method::Get), ("POST", Method::Post), ("put", Method::Post)]
    {
        assert_eq!(only!(Gather, &format!("<Gather method='{method}'/>")).method, expected, "{method}");
    }
    assert_eq!(only!(Gather, "<Gather/>").method, Method::Post);
    assert_eq!(
        problems("<Gather method='put'/>"),
        ["warning: line 1, column 19: 'method' of <Gather> must be GET or POST, found \"put\""]
    );
}

#[test]
fn h10_relative_urls_are_resolved_against_the_document() {
    let base = Url::parse("https://example.com/a/b.xml?c=d").unwrap();
    let to = |action: &str| {
        let gather = only!(Gather, &format!("<Gather action='{action}'/>"));
        gather.action.unwrap().resolve(Some(&base)).unwrap().to_string()
    };
    assert_eq!(to("/x.xml"), "https://example.com/x.xml");
    assert_eq!(to("x.xml?e=f&amp;g=h"), "https://example.com/a/x.xml?e=f&g=h");
    assert_eq!(to("http://other/?b=2&amp;a=1"), "http://other/?b=2&a=1");
}

#[test]
fn h11_h12_a_blank_action_is_none() {
    for blank in ["", " ", "&#10;"] {
        assert_eq!(only!(Gather, &format!("<Gather action='{blank}'/>")).action, None);
        assert_eq!(only!(Record, &format!("<Record action='{blank}'/>")).action, None);
        assert_eq!(only!(Dial, &format!("<Dial action='{blank}'>1</Dial>")).action, None);
    }
}
