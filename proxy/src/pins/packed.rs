//! Texts of SIP messages in less memory: what all of them have in common takes one byte.

/// What is written as one byte, from 0x80 on. Longer pieces stand before those that they begin with.
const PIECES: [&[u8]; 26] = [
    b"INVITE sip:",
    b"INVITE tel:",
    b" SIP/2.0\r\nVia: SIP/2.0/UDP ",
    b" SIP/2.0\r\n",
    b"\r\nVia: SIP/2.0/UDP ",
    b"\r\nVia: SIP/2.0/TCP ",
    b"\r\nVia: SIP/2.0/TLS ",
    b"\r\nVia: ",
    b"\r\nFrom: ",
    b"\r\nTo: ",
    b"\r\nCall-ID: ",
    b"\r\nCSeq: ",
    b"\r\nRoute: <sip:",
    b";branch=z9hG4bK-",
    b";branch=z9hG4bK",
    b";tag=",
    b";rport=",
    b";rport\r\n",
    b";received=",
    b";user=phone",
    b";transport=udp",
    b";transport=tcp",
    b" <sip:",
    b"<sip:",
    b":5060",
    b" INVITE\r\n\r\n",
];

/// The byte of the first piece.
const FIRST: u8 = 0x80;

/// Says that the byte behind it stands for itself.
const ESCAPE: u8 = 0xff;

/// For each byte, the pieces that begin with it.
#[expect(clippy::indexing_slicing, reason = "worked out when this is compiled, which fails if it panics")]
const BEGINNINGS: [u32; 256] = {
    let mut table = [0; 256];
    let mut piece = 0;
    while piece < PIECES.len() {
        let [first, ..] = *PIECES[piece] else { panic!() };
        table[first as usize] |= 1 << piece;
        piece += 1;
    }
    table
};

/// Appends a text in less memory.
pub(super) fn pack(text: &[u8], packed: &mut Vec<u8>) {
    let mut rest = text;
    while let [byte, others @ ..] = rest {
        let mut candidates = BEGINNINGS.get(usize::from(*byte)).copied().unwrap_or(0);
        let mut found = None;
        while candidates != 0 && found.is_none() {
            let piece = candidates.trailing_zeros() as usize;
            candidates &= candidates - 1;
            found = PIECES.get(piece).and_then(|text| Some((piece, rest.strip_prefix(*text)?)));
        }
        match found {
            Some((piece, behind)) => {
                packed.push(FIRST + piece as u8);
                rest = behind;
            }
            None => {
                if *byte >= FIRST {
                    packed.push(ESCAPE);
                }
                packed.push(*byte);
                rest = others;
            }
        }
    }
}

/// Appends the text as it was.
pub(super) fn unpack(packed: &[u8], text: &mut Vec<u8>) {
    let mut bytes = packed.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            ESCAPE => text.extend(bytes.next()),
            FIRST.. => {
                text.extend_from_slice(PIECES.get(usize::from(byte - FIRST)).copied().unwrap_or_default())
            }
            _ => text.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn there_and_back(text: &[u8]) -> usize {
        let (mut packed, mut back) = (Vec::new(), Vec::new());
        pack(text, &mut packed);
        unpack(&packed, &mut back);
        assert_eq!(back.escape_ascii().to_string(), text.escape_ascii().to_string());
        packed.len()
    }

    #[test]
    fn an_invite_takes_two_thirds_of_its_bytes() {
        let text = b"INVITE sip:1294@52.74.4.205:5060;user=phone SIP/2.0\r\nVia: SIP/2.0/UDP 175.100.32.29:5060;branch=z9hG4bKop7a1b2c3d;rport\r\n\
            Via: SIP/2.0/UDP 10.65.104.1:5064;branch=z9hG4bKrrnz4ie7rxtx7gtnn77x0z0y6\r\nCall-ID: isbcABCDEF0123456789@10.65.104.1\r\n\
            From: \"0715100860\" <sip:0715100860@10.65.104.1;user=phone>;tag=sbc0412\r\nTo: \"1294\" <sip:1294@52.74.4.205;user=phone>\r\n\
            CSeq: 57106 INVITE\r\n\r\n";
        let packed = there_and_back(text);
        assert!(packed * 3 < text.len() * 2, "{packed} of {}", text.len());
    }

    proptest! {
        #[test]
        fn every_text_comes_back(parts in prop::collection::vec((0usize..40, prop::collection::vec(any::<u8>(), 0..6)), 0..30)) {
            let mut text = Vec::new();
            for (piece, bytes) in parts {
                text.extend_from_slice(PIECES.get(piece).copied().unwrap_or_default());
                text.extend_from_slice(&bytes);
            }
            there_and_back(&text);
        }

        #[test]
        fn bytes_that_nobody_packed_are_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            unpack(&bytes, &mut Vec::new());
        }
    }
}
