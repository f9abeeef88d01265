//! What each torture message reads as: start line; Call-ID; CSeq; From tag > To tag; Max-Forwards; Vias; body length.

/// By name, in the RFCs' order. `!` cannot be read, `-` is not there.
pub(crate) const READINGS: &[(&str, &str)] = &[
    // 3.1.1: valid. Escapes stay as they came, so that no %00 becomes a NUL and `RE%47IST%45R` is no REGISTER. The
    // octets behind dblreq's first message are cut off. longreq has a test of its own.
    (
        "wsinv",
        "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0; wsinv.ndaksdj@192.0.2.1; 9 INVITE; 98asjd8>1918181833n; 68; UDP 192.0.2.2 390skdjuw, TCP spindle.example.com z9hG4bK9ikj8, UDP 192.168.255.111 z9hG4bK30239; 150",
    ),
    (
        "intmeth",
        "!interesting-Method0123456789_*+`.%indeed\\'~ sip:1_unusual.URI~(to-be!sure)&isn\\'t+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn\\'t-it)@example.com SIP/2.0; intmeth.word%ZK-!.*_+\\'@word`~)(><:\\\\/\\\"][?}{; 139122385 !interesting-Method0123456789_*+`.%indeed\\'~; _token~1\\'+`*%!-.>-; 255; TCP host1.example.com z9hG4bK-.!%66*_+`\\'~; 0",
    ),
    (
        "esc01",
        "INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0; esc01.239409asdfakjkn23onasd0-3234; 234234 INVITE; 938>-; 87; UDP host5.example.net z9hG4bKkdjuw; 150",
    ),
    (
        "escnull",
        "REGISTER sip:example.com SIP/2.0; escnull.39203ndfvkjdasfkq3w4otrq0adsfdfnavd; 14398234 REGISTER; 839923423>-; 70; UDP host5.example.com z9hG4bKkdjuw; 0",
    ),
    (
        "esc02",
        "RE%47IST%45R sip:registrar.example.com SIP/2.0; esc02.asdfnqwo34rq23i34jrjasdcnl23nrlknsdf; 29344 RE%47IST%45R; f232jadfj23>-; 70; TCP host.example.com z9hG4bK209%fzsnel234; 0",
    ),
    (
        "lwsdisp",
        "OPTIONS sip:user@example.com SIP/2.0; lwsdisp.1234abcd@funky.example.com; 60 OPTIONS; 323>-; 70; UDP funky.example.com z9hG4bKkdjuw; 0",
    ),
    (
        "dblreq",
        "REGISTER sip:example.com SIP/2.0; dblreq.0ha0isndaksdj99sdfafnl3lk233412; 8 REGISTER; 43251j3j324>-; 8; UDP 192.0.2.125 z9hG4bKkdjuw23492; 0",
    ),
    (
        "semiuri",
        "OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0; semiuri.0ha0isndaksdj; 8 OPTIONS; 33242>-; 3; UDP 192.0.2.1 z9hG4bKkdjuw; 0",
    ),
    (
        "transports",
        "OPTIONS sip:user@example.com SIP/2.0; transports.kijh4akdnaqjkwendsasfdj; 60 OPTIONS; 323>-; 70; UDP t1.example.com z9hG4bKkdjuw, SCTP t2.example.com z9hG4bKklasjdhf, TLS t3.example.com z9hG4bK2980unddj, UNKNOWN t4.example.com z9hG4bKasd0f3en, TCP t5.example.com z9hG4bK0a9idfnee; 0",
    ),
    (
        "unreason",
        "200 = 2**3 * 5**2 \\xd0\\xbd\\xd0\\xbe \\xd1\\x81\\xd1\\x82\\xd0\\xbe \\xd0\\xb4\\xd0\\xb5\\xd0\\xb2\\xd1\\x8f\\xd0\\xbd\\xd0\\xbe\\xd1\\x81\\xd1\\x82\\xd0\\xbe \\xd0\\xb4\\xd0\\xb5\\xd0\\xb2\\xd1\\x8f\\xd1\\x82\\xd1\\x8c - \\xd0\\xbf\\xd1\\x80\\xd0\\xbe\\xd1\\x81\\xd1\\x82\\xd0\\xbe\\xd0\\xb5; unreason.1234ksdfak3j2erwedfsASdf; 35 INVITE; 11141343>2229; -; UDP 192.0.2.198 z9hG4bK1324923; 154",
    ),
    (
        "noreason",
        "100 ; noreason.asndj203insdf99223ndf; 35 INVITE; 39ansfi3>902jndnke3; -; UDP 192.0.2.105 z9hG4bK2398ndaoe; 0",
    ),
    // 3.1.2: invalid. What is wrong cannot be read (`!`), the rest can. Taken liberally, as the RFC allows: headers in a
    // Request-URI and in a Contact without brackets, a Date that is not GMT (nobody reads it), unquoted commas in display
    // names.
    (
        "badinv01",
        "INVITE sip:user@example.com SIP/2.0; badinv01.0ha0isndaksdjasdf3234nas; 8 INVITE; 134161461246>-; 7; UDP 192.0.2.15 -, !; 152",
    ),
    (
        "clerr",
        "INVITE sip:user@example.com SIP/2.0; clerr.0ha0isndaksdjweiafasdk3; 8 INVITE; 93942939o2>-; 80; UDP host5.example.com z9hG4bK-39234-23523; !",
    ),
    (
        "ncl",
        "INVITE sip:user@example.com SIP/2.0; ncl.0ha0isndaksdj2193423r542w35; 0 INVITE; 32394234>-; 254; UDP 192.0.2.53 z9hG4bKkdjuw; !",
    ),
    (
        "scalar02",
        "REGISTER sip:example.com SIP/2.0; scalar02.23o0pd9vanlq3wnrlnewofjas9ui32; !; 239232jh3>-; !; TCP host129.example.com z9hG4bK342sdfoi3; 0",
    ),
    (
        "scalarlg",
        "503 Service Unavailable; scalarlg.noase0of0234hn2qofoaf0232aewf2394r; !; 2easdjfejw>-; -; TCP host129.example.com z9hG4bKzzxdiwo34sw; 0",
    ),
    (
        "quotbal",
        "INVITE sip:user@example.com SIP/2.0; quotbal.aksdj; 8 INVITE; 93334>!; 10; UDP 192.0.2.59:5050 z9hG4bKkdjuw39234; 152",
    ),
    ("ltgtruri", "INVITE ! SIP/2.0; ltgtruri.1@192.0.2.5; 1 INVITE; 39291>-; 23; UDP 192.0.2.5 -; 159"),
    (
        "lwsruri",
        "INVITE ! SIP/2.0; lwsruri.asdfasdoeoi2323-asdfwrn23-asd834rk423; 2130706432 INVITE; 231413434>3xfe-9921883-z9f; 5; UDP 192.0.2.1:5060 z9hG4bKkdjuw2395; 159",
    ),
    (
        "lwsstart",
        "INVITE ! SIP/2.0; lwsstart.dfknq234oi243099adsdfnawe3@example.com; 1893884 INVITE; 8814>-; 8; UDP host1.example.com z9hG4bKkdjuw3923; 150",
    ),
    (
        "trws",
        "OPTIONS ! ; trws.oicu34958239neffasdhr2345r; 238923 OPTIONS; 329429089>-; 70; TCP host1.examle.com z9hG4bK299342093; 0",
    ),
    (
        "escruri",
        "INVITE sip:user@example.com?Route=%3Csip:example.com%3E SIP/2.0; escruri.23940-asdfhj-aje3br-234q098w-fawerh2q-h4n5; 149209342 INVITE; 341518>-; 7; UDP host-of-the-hour.example.com z9hG4bKkdjuw; 150",
    ),
    (
        "baddate",
        "INVITE sip:user@example.com SIP/2.0; baddate.239423mnsadf3j23lj42--sedfnm234; 1392934 INVITE; 2234923>-; 70; UDP host.example.com z9hG4bKkdjuw; 150",
    ),
    (
        "regbadct",
        "REGISTER sip:example.com SIP/2.0; regbadct.k345asrl3fdbv@10.0.0.1; 1 REGISTER; 998332>-; 70; UDP 135.180.130.133:5060 z9hG4bKkdjuw; 0",
    ),
    (
        "badaspec",
        "OPTIONS sip:user@example.org SIP/2.0; badaspec.sdf0234n2nds0a099u23h3hnnw009cdkne3; 3923239 OPTIONS; 433423>!; 70; UDP host4.example.com:5060 z9hG4bKkdju43234; 0",
    ),
    (
        "baddn",
        "OPTIONS sip:t.watson@example.org SIP/2.0; baddn.31415@c.example.com; 3923239 OPTIONS; 43>-; 70; UDP c.example.com:5060 z9hG4bKkdjuw; 0",
    ),
    (
        "badvers",
        "OPTIONS sip:t.watson@example.org SIP/7.0; badvers.31417@c.example.com; 1 OPTIONS; qweoiqpe>-; 70; !; 0",
    ),
    (
        "mismatch01",
        "OPTIONS sip:user@example.com SIP/2.0; mismatch01.dj0234sxdfl3; 8 INVITE; 34525>-; 6; UDP host.example.com z9hG4bKkdjuw; 0",
    ),
    (
        "mismatch02",
        "NEWMETHOD sip:user@example.com SIP/2.0; mismatch02.dj0234sxdfl3; 8 INVITE; 34525>-; 6; UDP host.example.net z9hG4bKkdjuw; 138",
    ),
    ("bigcode", "expected a status code from 100 to 699 at byte 8, found '4'"),
    // 3.2 and 3.3: well formed; what they mean is for a proxy to judge. Single header fields that come twice with
    // different values cannot be read.
    (
        "badbranch",
        "OPTIONS sip:user@example.com SIP/2.0; badbranch.sadonfo23i420jv0as0derf3j3n; 8 OPTIONS; 33242>-; 3; UDP 192.0.2.1 z9hG4bK; 0",
    ),
    (
        "insuf",
        "INVITE sip:user@example.com SIP/2.0; !; 193942 INVITE; !>!; -; UDP 192.0.2.95 z9hG4bKkdj.insuf; 152",
    ),
    (
        "unkscm",
        "OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0; unkscm.nasdfasser0q239nwsdfasdkl34; 3923423 OPTIONS; 384>-; 3; TCP host9.example.com z9hG4bKkdjuw39234; 0",
    ),
    (
        "novelsc",
        "OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0; novelsc.asdfasser0q239nwsdfasdkl34; 3923423 OPTIONS; 384>-; 3; TCP host9.example.com z9hG4bKkdjuw39234; 0",
    ),
    (
        "unksm2",
        "REGISTER sip:example.com SIP/2.0; unksm2.daksdj@hyphenated-host.example.com; 234902 REGISTER; 3234233>-; 70; UDP 192.0.2.21:5060 z9hG4bKkdjuw; 0",
    ),
    (
        "bext01",
        "OPTIONS sip:user@example.com SIP/2.0; bext01.0ha0isndaksdj; 8 OPTIONS; 242etr>-; 6; TLS fold-and-staple.example.com z9hG4bKkdjuw; 0",
    ),
    (
        "invut",
        "INVITE sip:user@example.com SIP/2.0; invut.0ha0isndaksdjadsfij34n23d; 235448 INVITE; 8392034>-; 70; UDP somehost.example.com z9hG4bKkdjuw; 40",
    ),
    (
        "regaut01",
        "REGISTER sip:example.com SIP/2.0; regaut01.0ha0isndaksdj; 9338 REGISTER; 87321hj23128>-; 8; TCP 192.0.2.253 z9hG4bKkdjuw; 0",
    ),
    ("multi01", "INVITE sip:user@company.com SIP/2.0; !; !; !>!; !; UDP 192.0.2.25 z9hG4bKkdjuw; 154"),
    (
        "mcl01",
        "OPTIONS sip:user@example.com SIP/2.0; mcl01.fhn2323orihawfdoa3o4r52o3irsdf; 15932 OPTIONS; 3923942>-; 60; UDP host5.example.net z9hG4bK293423; !",
    ),
    (
        "bcast",
        "200 OK; bcast.0384840201234ksdfak3j2erwedfsASdf; 35 INVITE; 11141343>2229; -; UDP 192.0.2.198 z9hG4bK1324923, UDP 255.255.255.255 z9hG4bK1saber23; 154",
    ),
    (
        "zeromf",
        "OPTIONS sip:user@example.com SIP/2.0; zeromf.jfasdlfnm2o2l43r5u0asdfas; 39234321 OPTIONS; 3ghsd41>-; 0; UDP host1.example.com z9hG4bKkdjuw2349i; 0",
    ),
    (
        "cparam01",
        "REGISTER sip:example.com SIP/2.0; cparam01.70710@saturn.example.com; 2 REGISTER; DkfVgjkrtMwaerKKpe>-; 70; UDP saturn.example.com:5060 z9hG4bKkdjuw; 0",
    ),
    (
        "cparam02",
        "REGISTER sip:example.com SIP/2.0; cparam02.70710@saturn.example.com; 3 REGISTER; 838293>-; 70; UDP saturn.example.com:5060 z9hG4bKkdjuw; 0",
    ),
    (
        "regescrt",
        "REGISTER sip:example.com SIP/2.0; regescrt.k345asrl3fdbv@192.0.2.1; 14398234 REGISTER; 8>-; 70; UDP host5.example.com z9hG4bKkdjuw; 0",
    ),
    (
        "sdp01",
        "INVITE sip:user@example.com SIP/2.0; sdp01.ndaksdj9342dasdd; 8 INVITE; 234>-; 5; UDP 192.0.2.15 z9hG4bKkdjuw; 150",
    ),
    // 3.4: RFC 2543, without branch, From tag and Content-Length.
    (
        "inv2543",
        "INVITE sip:UserB@example.com SIP/2.0; inv2543.1717@ift.client.example.com; 56 INVITE; ->-; -; UDP iftgw.example.com -; 105",
    ),
    // RFC 5118. An address without brackets is taken where no port follows it (4.2); the port of 4.3 is part of the
    // address; `received` is read with and without brackets (4.5); a mapped address is the IPv4 address (4.9). The
    // Content-Lengths are the RFC's, which counts line ends as one byte.
    (
        "ipv6-good",
        "REGISTER sip:[2001:db8::10] SIP/2.0; SSG9559905523997077@hlau_4100; 98176 REGISTER; 81x2>-; 70; UDP [2001:db8::9:1] z9hG4bKas3-111; 0",
    ),
    (
        "ipv6-bad",
        "REGISTER sip:2001:db8::10 SIP/2.0; SSG9559905523997077@hlau_4100; 98176 REGISTER; 81x2>-; 70; UDP [2001:db8::9:1] z9hG4bKas3-111; 0",
    ),
    (
        "port-ambiguous",
        "REGISTER sip:[2001:db8::10:5070] SIP/2.0; SSG9559905523997077@hlau_4100; 98176 REGISTER; 81x2>-; 70; UDP [2001:db8::9:1] z9hG4bKas3-111; 0",
    ),
    (
        "port-unambiguous",
        "REGISTER sip:[2001:db8::10]:5070 SIP/2.0; SSG9559905523997077@hlau_4100; 98176 REGISTER; 81x2>-; 70; UDP [2001:db8::9:1] z9hG4bKas3-111; 0",
    ),
    (
        "via-received-param-with-delim",
        "BYE sip:[2001:db8::10] SIP/2.0; SSG9559905523997077@hlau_4100; 321 BYE; 81x2>bd76ya; 70; UDP [2001:db8::9:1] z9hG4bKas3-111; 0",
    ),
    (
        "via-received-param-no-delim",
        "OPTIONS sip:[2001:db8::10] SIP/2.0; SSG95523997077@hlau_4100; 921 OPTIONS; 81x2>-; 70; UDP [2001:db8::9:1] z9hG4bKas3; 0",
    ),
    (
        "ipv6-in-sdp",
        "INVITE sip:user@[2001:db8::10] SIP/2.0; SSG9559905523997077@hlau_4100; 8612 INVITE; 81x2>-; 70; UDP [2001:db8::20] z9hG4bKas3-111; 241",
    ),
    (
        "mult-ip-in-header",
        "BYE sip:user@host.example.net SIP/2.0; 997077@lau_4100; 89187 BYE; 81x2>9817--94; 70; UDP [2001:db8::9:1]:6050 z9hG4bKas3-111, UDP 192.0.2.1 z9hG4bKjhja8781hjuaij65144, TCP [2001:db8::9:255] z9hG4bK451jj; 0",
    ),
    (
        "mult-ip-in-sdp",
        "INVITE sip:user@[2001:db8::10] SIP/2.0; SSG9559905523997077@hlau_4100; 8912 INVITE; 81x2>-; 70; UDP [2001:db8::9:1] z9hG4bKas3-111; 181",
    ),
    (
        "ipv4-mapped-ipv6",
        "INVITE sip:user@example.com SIP/2.0; SSG9559905523997077@hlau_4100; 612 INVITE; 81x2>-; 70; UDP 192.0.2.10:19823 z9hG4bKbh19, UDP 192.0.2.2 z9hG4bKas3-111; 236",
    ),
    (
        "ipv6-bug-abnf-3-colons",
        "OPTIONS ! SIP/2.0; G9559905523997077@hlau_4100; 689 OPTIONS; 810x2>!; 70; UDP lab1.east.example.com z9hG4bKas3-111; 0",
    ),
    (
        "ipv6-correct-abnf-2-colons",
        "OPTIONS sip:user@[2001:db8::192.0.2.1] SIP/2.0; G9559905523997077@hlau_4100; 689 OPTIONS; 810x2>-; 70; UDP lab1.east.example.com z9hG4bKas3-111; 0",
    ),
];
