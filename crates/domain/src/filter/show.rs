//! Filters as text that the parser reads.

use std::fmt;

use super::{Expr, Filter, Literal, PartTest, Test, UserTest};

/// In the syntax that [`super::parse`] reads; the same tree comes back.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(self, f, &|asked, f| match asked {
            UserTest::Field(field, test) => write!(f, "{} {test}", field.name()),
            UserTest::Organization(test) => write!(f, "organization {test}"),
            UserTest::Has(list, None) => write!(f, "{} pr", list.name()),
            UserTest::Has(list, Some(asked)) => {
                write!(f, "{}[", list.name())?;
                write(asked, f, &|PartTest { part, test }, f| write!(f, "{} {test}", part.name()))?;
                f.write_str("]")
            }
        })
    }
}

type Show<'a, T> = &'a dyn Fn(&T, &mut fmt::Formatter<'_>) -> fmt::Result;

fn write<T>(expr: &Expr<T>, f: &mut fmt::Formatter<'_>, show: Show<'_, T>) -> fmt::Result {
    let (terms, word) = match expr {
        Expr::Is(asked) => return show(asked, f),
        Expr::Not(term) => {
            f.write_str("not (")?;
            write(term, f, show)?;
            return f.write_str(")");
        }
        Expr::And(terms) => (terms, " and "),
        Expr::Or(terms) => (terms, " or "),
    };
    for (n, term) in terms.iter().enumerate() {
        if n > 0 {
            f.write_str(word)?;
        }
        match term {
            Expr::And(_) | Expr::Or(_) => {
                f.write_str("(")?;
                write(term, f, show)?;
                f.write_str(")")?;
            }
            Expr::Not(_) | Expr::Is(_) => write(term, f, show)?,
        }
    }
    Ok(())
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present => f.write_str("pr"),
            Self::Compare(how, literal) => write!(f, "{} {literal}", how.name()),
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => write!(f, "{value}"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Text(value) => write!(f, "{}", serde_json::Value::from(value.as_str())),
            Self::Time(None) => f.write_str("null"),
            Self::Time(Some(moment)) => write!(f, "{moment}"),
        }
    }
}
