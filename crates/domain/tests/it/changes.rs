//! Changes lead from one state to another and back, whatever was edited.

use proptest::prelude::*;
use rollcall_domain::{
    Catalogue, Change, Edit, Field, Item, ItemKind, Kind, Operator, Timestamp, User, Value, diff, inverse,
};

fn catalogue() -> Catalogue {
    (1..=4).map(|id| (id, format!("plan-{id}"), None)).collect()
}

fn value(field: Field) -> BoxedStrategy<Value> {
    match field.kind() {
        Kind::Int => (0..5_i64).prop_map(Value::Int).boxed(),
        Kind::Text => "[a-cé]{1,2}".prop_map(Value::Text).boxed(),
        Kind::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Kind::Time => prop::option::of(0..4_i64)
            .prop_map(move |micros| {
                let micros = micros.or((!field.nullable()).then_some(0));
                Value::Time(micros.and_then(Timestamp::from_micros))
            })
            .boxed(),
    }
}

/// Edits over few names and values, so that they meet each other.
fn edit() -> impl Strategy<Value = Edit> {
    let kind = prop::sample::select(&ItemKind::ALL[..]);
    let item = kind.clone().prop_flat_map(|kind| {
        (prop::sample::select(kind.operators()), "[AB]", "[0-2]").prop_map(move |(operation, attr, value)| {
            Edit::ItemAdd(kind, Item::new(kind, &attr, operation.as_str(), &value).unwrap())
        })
    });
    let removal = (kind, "[AB]", "[0-2]", prop::option::of(prop::sample::select(&Operator::ALL[..])))
        .prop_map(|(kind, attr, value, operation)| Edit::ItemRemove { kind, attr, value, operation });
    prop_oneof![
        prop::sample::select(&Field::ALL[..])
            .prop_flat_map(|field| value(field).prop_map(move |value| Edit::Set(field, value))),
        (1..=5_i64).prop_map(Edit::ProfileAdd),
        (1..=5_i64).prop_map(Edit::ProfileRemove),
        item,
        removal,
    ]
}

fn edited(mut user: User, edits: Vec<Edit>) -> User {
    let profiles = catalogue();
    for edit in edits {
        let before = user.clone();
        if user.edit(edit, &profiles).is_err() {
            assert_eq!(user, before, "a refused edit leaves the user untouched");
        }
    }
    user
}

fn replay(mut user: User, changes: &[Change]) -> User {
    for change in changes {
        user.apply(change).unwrap();
    }
    user
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_change_and_its_inverse_give_the_first_state_back(
        first in prop::collection::vec(edit(), 0..20),
        second in prop::collection::vec(edit(), 0..20),
    ) {
        let before = edited(User::new(7, "ana", 1, Timestamp::from_micros(0).unwrap()), first);
        let after = edited(before.clone(), second);
        let changes = diff(&before, &after);
        prop_assert_eq!(changes.is_empty(), before == after);
        prop_assert_eq!(&replay(before.clone(), &changes), &after);
        prop_assert_eq!(&replay(after, &inverse(&changes)), &before);

        let journal = serde_json::to_string(&changes).unwrap();
        prop_assert_eq!(serde_json::from_str::<Vec<Change>>(&journal).unwrap(), changes);
    }

    #[test]
    fn read_only_fields_never_change(edits in prop::collection::vec(edit(), 0..20)) {
        let before = User::new(7, "ana", 1, Timestamp::from_micros(0).unwrap());
        let after = edited(before.clone(), edits);
        for field in Field::ALL.into_iter().filter(|field| !field.writable()) {
            prop_assert_eq!(before.get(field), after.get(field));
        }
    }
}

#[test]
fn assigning_with_set_replaces_in_place_and_drops_further_rows() {
    let add = |operation: &str, value: &str| {
        Edit::ItemAdd(ItemKind::Reply, Item::new(ItemKind::Reply, "Limit", operation, value).unwrap())
    };
    let mut user = edited(
        User::new(1, "ana", 1, Timestamp::from_micros(0).unwrap()),
        vec![add("=", "1"), add(":=", "2"), add("+=", "3")],
    );
    // A second `:=` row, as an older system may have left it.
    user.attributes
        .push(rollcall_domain::ItemRow::new(Item::new(ItemKind::Reply, "Limit", ":=", "9").unwrap(), 8_000));
    let user = edited(user, vec![add(":=", "5")]);
    let shown: Vec<_> = user.attributes.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["Limit = 1", "Limit := 5", "Limit += 3"]);
}

#[test]
fn a_change_does_not_apply_to_a_user_that_is_elsewhere() {
    let mut user = User::new(1, "ana", 1, Timestamp::from_micros(0).unwrap());
    let mut other = user.clone();
    other.email = "ana@example.com".into();
    let changes = diff(&user, &other);
    user.email = "someone@example.com".into();
    let mismatch = user.apply(&changes[0]).unwrap_err();
    assert_eq!(mismatch.to_string(), "email should be \"\" and is \"someone@example.com\"");
}
