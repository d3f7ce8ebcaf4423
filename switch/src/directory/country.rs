//! Countries as far as dialling is concerned: calling code and emergency numbers.
//!
//! The list itself is `config`'s; what is done with an emergency call is decided in `call::admitting`.

/// How a country dials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountryPlan {
    /// Its country calling code without `+`; empty where it is not known.
    pub calling_code: String,
    /// Its emergency numbers (O3), whole numbers as dialled inside the country: digits, `*` and `#`.
    pub emergency: Vec<String>,
}

impl CountryPlan {
    /// Whether it is in the North American plan, where ten digits lack the country code (D-16).
    pub fn is_north_american(&self) -> bool {
        self.calling_code == "1"
    }
}
