//! The reply of FreeRADIUS to a user with the right password: the user's own items and those of the profiles, one
//! source after the other, by their operators.

use std::borrow::Cow;

use serde::Serialize;

use crate::{Item, Operator, Profile, Status, Timestamp, User};

/// Check items that set something although they are written as a comparison: no request has a limit in it.
const LIMITS: [&str; 3] = ["simultaneous-use", "expire-after", "login-time"];

/// An attribute of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answered {
    /// The attribute.
    pub attr: String,
    /// Its value.
    pub value: String,
    /// What the request has to be like for it to be there, besides what the whole answer takes: the conditions of its
    /// profile.
    #[serde(rename = "if", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<String>,
}

/// An answer of FreeRADIUS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reply {
    /// Why it is a reject, whatever the password; none: it accepts.
    pub rejected: Option<Cow<'static, str>>,
    /// What the request has to be like: the user's check attributes that compare.
    #[serde(rename = "if")]
    pub conditions: Vec<String>,
    /// What is set for the session, such as limits.
    pub checks: Vec<String>,
    /// What the NAS is told.
    pub items: Vec<Answered>,
}

impl Reply {
    /// The answer to a user with these profiles, which come by priority, at the moment `now`.
    #[must_use]
    pub fn to(user: &User, profiles: &[Profile], now: Timestamp) -> Self {
        let nothing = Self { rejected: None, conditions: Vec::new(), checks: Vec::new(), items: Vec::new() };
        match user.status(now) {
            Status::Active => {}
            Status::Expired => return Self { rejected: Some("the user has expired".into()), ..nothing },
            Status::Inactive => return Self { rejected: Some("the user is inactive".into()), ..nothing },
        }
        let bare = |rows: &[crate::ItemRow]| -> Vec<Item> {
            let item = |row: &crate::ItemRow| Item {
                attr: row.attr.clone(),
                operation: row.operation,
                value: row.value.clone(),
            };
            rows.iter().map(item).collect()
        };
        let mut reply = nothing;
        reply.conditions = reply.check(&bare(&user.check_attributes));
        reply.merge(&bare(&user.attributes), &[]);
        for profile in profiles {
            let conditions = reply.check(&profile.check);
            reply.merge(&profile.reply, &conditions);
        }
        if let Some(expiration) = user.expiration {
            let left = (expiration.as_micros() - now.as_micros()) / 1_000_000;
            reply.limit(left);
        }
        reply
    }

    /// Takes check items in; those that compare come back.
    fn check(&mut self, items: &[Item]) -> Vec<String> {
        let mut conditions = Vec::new();
        for item in items {
            let name = item.attr.to_ascii_lowercase();
            let limit = name.starts_with("max-") || LIMITS.contains(&name.as_str());
            let sets = match item.operation {
                Operator::Set | Operator::Append => true,
                Operator::Add | Operator::Equal => limit,
                _ => false,
            };
            if sets && name == "auth-type" && item.value.eq_ignore_ascii_case("reject") {
                self.rejected = Some("Auth-Type := Reject".into());
            }
            if sets { self.checks.push(item.to_string()) } else { conditions.push(item.to_string()) }
        }
        conditions
    }

    /// Takes the reply items of one source in: `:=` replaces the first that earlier sources gave, `=` yields to it, `+=` comes
    /// after it and `^=` before it. Items of one source do not meet each other.
    fn merge(&mut self, items: &[Item], conditions: &[String]) {
        let mut earlier: Vec<_> =
            std::mem::take(&mut self.items).into_iter().map(|item| (item, false)).collect();
        let (mut first, mut last) = (Vec::new(), Vec::new());
        for item in items.iter().filter(|item| !item.attr.eq_ignore_ascii_case("Fall-Through")) {
            let Item { attr, operation, value } = item.clone();
            let same = |other: &Answered| other.attr.eq_ignore_ascii_case(&attr);
            let found = earlier.iter().position(|(other, replaced)| !replaced && same(other));
            let answered = Answered { attr, value, conditions: conditions.to_vec() };
            match (operation, found) {
                (Operator::Set, Some(place)) => earlier[place] = (answered, true),
                (Operator::Add, Some(_)) => {}
                (Operator::Prepend, _) => first.push(answered),
                _ => last.push(answered),
            }
        }
        let kept = earlier.into_iter().map(|(item, _)| item);
        self.items = first.into_iter().chain(kept).chain(last).collect();
    }

    /// Sees to it that a session ends in so many seconds.
    fn limit(&mut self, seconds: i64) {
        let timeout = self.items.iter_mut().find(|item| item.attr.eq_ignore_ascii_case("Session-Timeout"));
        match timeout {
            Some(item) if item.value.parse().is_ok_and(|given: i64| given <= seconds) => {}
            Some(item) => item.value = seconds.to_string(),
            None => self.items.push(Answered {
                attr: "Session-Timeout".to_owned(),
                value: seconds.to_string(),
                conditions: Vec::new(),
            }),
        }
    }

    /// In lines, for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        if let Some(why) = &self.rejected {
            return vec![format!("Access-Reject: {why}")];
        }
        let mut lines = vec!["Access-Accept".to_owned()];
        let when = |conditions: &[String]| {
            if conditions.is_empty() { String::new() } else { format!("  if {}", conditions.join(" and ")) }
        };
        lines[0].push_str(&when(&self.conditions));
        lines.extend(
            self.items.iter().map(|item| format!("{} = {}{}", item.attr, item.value, when(&item.conditions))),
        );
        lines.extend(self.checks.iter().map(|check| format!("with {check}")));
        lines
    }
}
