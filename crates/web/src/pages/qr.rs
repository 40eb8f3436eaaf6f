//! QR codes.

use askama::Template;
use askama::filters::HtmlSafe;
use qrcode::{Color, EcLevel, QrCode};

/// Modules of nothing around it, as ISO/IEC 18004 wants.
const QUIET: usize = 4;

#[derive(Template)]
#[template(path = "part_qr.html")]
pub(super) struct Qr {
    side: usize,
    path: String,
}

impl HtmlSafe for Qr {}

impl Qr {
    /// None: the text is too long for one.
    pub(super) fn of(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
        let width = code.width();
        let colors = code.into_colors();
        let dark = colors.iter().enumerate().filter(|(_, color)| **color == Color::Dark);
        let module =
            |(at, _): (usize, &Color)| format!("M{} {}h1v1h-1z", at % width + QUIET, at / width + QUIET);
        Some(Self { side: width + 2 * QUIET, path: dark.map(module).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_three_finders_and_nothing_around_it() {
        let code = Qr::of("otpauth://totp/Rollcall:ana?secret=ABC").unwrap();
        let is_dark = |x: usize, y: usize| code.path.contains(&format!("M{x} {y}h1v1h-1z"));
        let far = code.side - QUIET - 7;
        for (left, top) in [(QUIET, QUIET), (far, QUIET), (QUIET, far)] {
            assert!((0..7).all(|at| is_dark(left + at, top) && is_dark(left, top + at)));
            assert!(!is_dark(left + 1, top + 1) && is_dark(left + 3, top + 3));
        }
        assert!((0..code.side).all(|at| !is_dark(at, QUIET - 1) && !is_dark(QUIET - 1, at)));
        assert!(Qr::of(&"x".repeat(9_999)).is_none());
    }
}
