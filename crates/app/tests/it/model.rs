//! The whole life of runs, step by random step, against a plain model: whatever is edited, previewed, applied, taken
//! back, tried again, stopped, crashed and gone on with, users and outcomes are what the model says.
//!
//! `ROLLCALL_MODEL_CASES` sets how many cases there are, `ROLLCALL_MODEL_START` which, `ROLLCALL_MODEL_SEED` plays one again.
//!
//! It has a process of its own: what fails at chosen places, and the panic hook, belong to the whole process.
#![allow(clippy::print_stderr, clippy::cast_possible_truncation, reason = "it shows the steps that fail")]

mod script;
mod world;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fail::FailScenario;
use fastrand::Rng;
use rollcall_app::runs::{
    Again, ApplyRequest, BadRow, Choice, ExecutionConfig, Observer, Progress, ResumeRequest, RetryRequest,
    RowsObserver, RowsRequest, RunOptions, RunRequest, Script as Source_, Stop, UndoRequest,
};
use rollcall_app::{Actor, App, AppError, Table, TableOptions, UserSelection};
use rollcall_domain::{
    Assignment, Brakes, Change, Clock, Field, FieldChange, ItemRow, Mode, Operator, Outcome, Run, RunId,
    RunState, TargetOutcome, User, Value, Zone,
};
use rollcall_sandbox::{Isolation, Limits};
use rollcall_store::{Added, Decision, Newcomer, Store, StoreError};
use rollcall_testkit::{TestClock, TestDatabase, in_own_process, time};

use script::{ATTRS, NAMES, OPERATORS, PROFILES, Script, WORDS};
use world::{DAY, Done, Log, Person, Source, State, Target, Touch, World, moment, text};

/// More than a lease lasts.
const LEASE: i64 = 31;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("it is a number"))
}

#[test]
fn runs_do_what_a_plain_model_says() {
    in_own_process(|| {
        let seeds: Vec<u64> = match number("ROLLCALL_MODEL_SEED") {
            Some(seed) => vec![seed],
            None => {
                let mut rng = number("ROLLCALL_MODEL_START").map_or_else(Rng::new, Rng::with_seed);
                (0..number("ROLLCALL_MODEL_CASES").unwrap_or(24)).map(|_| rng.u64(..)).collect()
            }
        };
        for (at, seed) in seeds.iter().copied().enumerate() {
            let mut rng = Rng::with_seed(seed);
            let population = rng.u64(..);
            // Each step has a generator of its own, so that the others stay as they are when it is left out.
            let steps: Vec<u64> = (0..rng.usize(5..13)).map(|_| rng.u64(..)).collect();
            if let (Err(why), trace) = attempt(population, &steps) {
                let (steps, trace) = match shrunk(population, steps) {
                    Some((steps, trace)) => (format!("{} steps are enough", steps.len()), trace),
                    None => ("it did not happen again".to_owned(), trace),
                };
                eprintln!("{}\ncase {at}: {steps}; ROLLCALL_MODEL_SEED={seed}", trace.join("\n"));
                resume_unwind(why);
            }
        }
    });
}

/// Plays one case; what was done comes back, too.
fn attempt(population: u64, steps: &[u64]) -> (std::thread::Result<()>, Vec<String>) {
    let trace = RefCell::new(Vec::new());
    let done = catch_unwind(AssertUnwindSafe(|| {
        let scenario = FailScenario::setup();
        let mut case = Case::new(population, &trace);
        for step in steps {
            case.step(*step);
        }
        scenario.teardown();
    }));
    (done, trace.into_inner())
}

/// The case without the steps that it does not need to fail; none if it does not fail again.
fn shrunk(population: u64, mut steps: Vec<u64>) -> Option<(Vec<u64>, Vec<String>)> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let (again, mut trace) = attempt(population, &steps);
    for at in (0..steps.len()).rev() {
        let mut fewer = steps.clone();
        fewer.remove(at);
        if let (Err(_), shorter) = attempt(population, &fewer) {
            (steps, trace) = (fewer, shorter);
        }
    }
    std::panic::set_hook(hook);
    again.is_err().then_some((steps, trace))
}

/// What somebody else does when a run's list is frozen and its execution begins.
#[derive(Debug)]
enum Meanwhile {
    Edit(i64, Vec<(Field, Value)>),
    Remove(i64),
}

/// What goes wrong in a run.
#[derive(Debug)]
enum Trouble {
    Fails(&'static str, String),
    Stopped,
}

struct Watch<'a> {
    app: &'a App,
    meanwhile: Option<&'a Meanwhile>,
    /// Whether what was done meanwhile was done.
    done: Option<bool>,
}

impl Observer for Watch<'_> {
    fn confirm(&mut self, _: &Run) -> bool {
        true
    }

    fn begins(&mut self, _: &Run) {
        self.done = self.meanwhile.map(|meanwhile| match meanwhile {
            Meanwhile::Edit(id, fields) => edit(self.app, *id, fields),
            Meanwhile::Remove(id) => {
                self.app
                    .users()
                    .remove_unchanged(&self.app.users().find_by_id(*id).unwrap().unwrap())
                    .unwrap();
                true
            }
        });
    }

    fn progress(&mut self, _: Progress) {}
}

impl RowsObserver for Watch<'_> {
    fn columns(&mut self, _: &[String], _: &str) -> std::io::Result<()> {
        Ok(())
    }

    fn bad_row(&mut self, bad: &BadRow<'_>) -> std::io::Result<()> {
        panic!("{bad:?}")
    }

    fn progress(&mut self, _: u64) {}
}

/// Assigns fields by hand. False if the name is taken.
fn edit(app: &App, id: i64, fields: &[(Field, Value)]) -> bool {
    let name = app.users().find_by_id(id).unwrap().unwrap().username;
    let assignments: Vec<_> =
        fields.iter().map(|(field, value)| format!("{field}={}", value.as_ref())).collect();
    match app.users().assign_fields(&name, &assignments) {
        Ok(_) => true,
        Err(AppError::Store(rollcall_store::StoreError::Taken(_))) => false,
        Err(error) => panic!("{error}"),
    }
}

fn execution() -> ExecutionConfig {
    ExecutionConfig {
        python: PathBuf::from("python3"),
        isolation: Isolation::Full,
        workers: 1,
        limits: Limits { time: Duration::from_secs(5), memory: 256 << 20, ..Limits::default() },
    }
}

/// Whether a filter selects a user.
type Holds = fn(&Person) -> bool;

/// How users are chosen, so that they can be chosen again.
#[derive(Debug, Clone)]
enum Chosen {
    All,
    Filter(&'static str, Holds),
    /// The column that names them, and the rows.
    Rows(&'static str, Vec<(i64, Vec<String>)>),
}

struct Case<'a> {
    _database: TestDatabase,
    app: App,
    /// The same database, by the back door.
    store: Store,
    clock: Arc<TestClock>,
    world: World,
    rng: Rng,
    trace: &'a RefCell<Vec<String>>,
}

impl<'a> Case<'a> {
    fn new(seed: u64, trace: &'a RefCell<Vec<String>>) -> Self {
        let database = TestDatabase::new();
        let clock = Arc::new(TestClock::at("2026-11-23T12:00:00Z"));
        let app =
            App::new(database.open(), clock.clone(), Zone::utc(), Actor::account("cli:test".to_owned()));
        for name in PROFILES {
            app.profiles().add(name, None, &[], &[]).unwrap();
        }
        let (world, rng) = (World::default(), Rng::with_seed(seed));
        let mut case = Self { store: database.open(), _database: database, app, clock, world, rng, trace };
        for n in 1..=case.rng.usize(3..9) {
            case.add(&format!("user{n}"));
        }
        case.check_people();
        case
    }

    fn note(&self, what: impl Into<String>) {
        self.trace.borrow_mut().push(what.into());
    }

    fn now(&self) -> i64 {
        self.clock.now().as_micros()
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.rng.usize(..of.len())]
    }

    fn check_people(&self) {
        let users: Vec<User> = self.app.users().list(None).unwrap().map(Result::unwrap).collect();
        let ids: Vec<_> = users.iter().map(|user| user.id).collect();
        assert_eq!(ids, self.world.people.keys().copied().collect::<Vec<_>>());
        users.iter().for_each(|user| self.world.people[&user.id].assert_is(user));
    }

    fn step(&mut self, seed: u64) {
        self.rng = Rng::with_seed(seed);
        self.clock.advance(self.rng.i64(1..8));
        match self.rng.u8(..100) {
            0..=13 => self.edit_by_hand(),
            14..=15 => self.remove(),
            16..=18 => {
                let name = format!("{}{}", self.one(&NAMES), self.rng.u8(..30));
                if self.world.named(&name).is_none() {
                    self.note(format!("add {name}"));
                    self.add(&name);
                }
            }
            19..=34 => self.run(Mode::Preview),
            35..=54 => self.run(Mode::Apply),
            55..=66 => self.apply(),
            67..=81 => self.undo(),
            82..=88 => self.retry(),
            89..=97 => self.resume(),
            _ => self.cancel(),
        }
        self.check_people();
    }

    // ---- Users ----

    fn add(&mut self, name: &str) {
        let now = self.now();
        let joined = time("2026-01-01");
        let mut user = User::new(0, name, 1, joined);
        for field in [Field::FirstName, Field::Klass, Field::Email, Field::Description] {
            if self.rng.bool() {
                user.put(field, text(self.one(&WORDS))).unwrap();
            }
        }
        user.is_active = self.rng.u8(..4) > 0;
        user.expiration = self.rng.bool().then(|| moment(self.rng.i64(0..4) * DAY));
        user.last_update = world::at(now - DAY);
        let mut ids = [1, 2, 3];
        self.rng.shuffle(&mut ids);
        let mut profiles = BTreeMap::new();
        for (at, id) in ids.into_iter().take(self.rng.usize(..4)).enumerate() {
            let priority = 1 + 2 * at as i64;
            profiles.insert(id, priority);
            let short_name = PROFILES[id as usize - 1].to_owned();
            user.profiles.push(Assignment { id, short_name, priority });
        }
        let fields = Field::ALL.into_iter().filter(|field| *field != Field::ObjId);
        let fields = fields.map(|field| (field, user.get(field).to_owned())).collect();
        let mut person = Person { id: 0, version: 1, fields, profiles, rows: Default::default() };
        for kind in 0..2 {
            for _ in 0..self.rng.usize(..5) {
                let row = (
                    self.one(&ATTRS[kind]),
                    self.one(&OPERATORS[kind][..3]),
                    self.one(&["a", "a", "b", "4"]),
                );
                person.add_row(kind, row, &mut self.world.place);
            }
            let rows =
                (1..).zip(person.rows[kind].values()).map(|(position, (attr, operation, value))| ItemRow {
                    attr: attr.clone(),
                    operation: Operator::parse(operation).unwrap(),
                    value: value.clone(),
                    position,
                });
            *[&mut user.attributes, &mut user.check_attributes][kind] = rows.collect();
        }
        let added = self.store.users().import(|import| {
            import.organization("default")?;
            let newcomer = Newcomer::User { line: 1, id: None, user: &user, password: None };
            Ok::<_, StoreError>(Decision::Commit(import.add_all(&[newcomer])?.pop().flatten().unwrap()))
        });
        let Added::As(id) = added.unwrap() else { panic!("{name} is taken") };
        person.id = id;
        assert!(self.world.people.insert(id, person).is_none(), "numbers never come again");
    }

    fn somebody(&mut self) -> Option<i64> {
        let ids: Vec<_> = self.world.people.keys().copied().collect();
        // Rather one of the first, whom files name, too.
        (!ids.is_empty()).then(|| self.one(&ids).min(self.one(&ids)))
    }

    fn random_fields(&mut self) -> Vec<(Field, Value)> {
        let mut fields = BTreeMap::new();
        for _ in 0..self.rng.usize(1..3) {
            let (field, value) = match self.rng.u8(..9) {
                0 => (Field::Username, text(self.one(&NAMES))),
                1 => (Field::IsActive, Value::Bool(self.rng.bool())),
                2 => (Field::Expiration, Value::Time(None)),
                3 => (Field::LastUpdate, Value::Time(Some(moment(self.rng.i64(0..3) * DAY)))),
                4 | 5 => (Field::Klass, text(self.one(&WORDS))),
                6 => (Field::UsernameLength, Value::Int(self.rng.i64(0..9))),
                _ => (Field::Description, text("by hand")),
            };
            fields.insert(field, value);
        }
        fields.into_iter().collect()
    }

    fn edit_by_hand(&mut self) {
        let Some(id) = self.somebody() else { return };
        let fields = self.random_fields();
        self.note(format!("edit {id}: {fields:?}"));
        let now = self.now();
        assert_eq!(edit(&self.app, id, &fields), self.world.edit(id, &fields, now), "an edit by hand");
    }

    fn remove(&mut self) {
        let Some(id) = self.somebody() else { return };
        self.note(format!("remove {id}"));
        self.app.users().remove_unchanged(&self.app.users().find_by_id(id).unwrap().unwrap()).unwrap();
        self.world.people.remove(&id);
    }

    // ---- Runs ----

    fn random_brakes(&mut self) -> Brakes {
        let mut brakes = Brakes::default();
        match self.rng.u8(..12) {
            0 => brakes.max_changes = Some(self.rng.u64(..4)),
            1 => brakes.max_failures = Some(self.rng.u64(..2)),
            2 => brakes.max_deactivations = Some(self.rng.u64(..2)),
            _ => {}
        }
        brakes
    }

    /// The options of a run, and what disturbs it.
    fn options(&mut self) -> (RunOptions, Option<Trouble>, Option<Meanwhile>) {
        let trouble = self.trouble();
        let brakes = self.random_brakes();
        let canary = (self.rng.u8(..7) == 0).then(|| self.rng.u64(1..5));
        let confirmed = trouble.is_some() || self.rng.bool();
        let meanwhile = match self.rng.u8(..12) {
            _ if trouble.is_some() => None,
            0 => self.somebody().map(Meanwhile::Remove),
            1 | 2 => self.somebody().map(|id| Meanwhile::Edit(id, self.random_fields())),
            _ => None,
        };
        (RunOptions { brakes, canary, confirmed, ..RunOptions::default() }, trouble, meanwhile)
    }

    fn trouble(&mut self) -> Option<Trouble> {
        let so_many = self.rng.usize(..4);
        let chunk = || "1*return(full)->off".to_owned();
        Some(match self.rng.u8(..30) {
            0 | 1 => Trouble::Fails("before_commit", format!("{so_many}*off->return(full)")),
            2 => Trouble::Fails("before_commit", format!("{so_many}*off->1*return(full)->off")),
            3 => Trouble::Fails("after_commit", format!("{so_many}*off->return(full)")),
            4 => Trouble::Fails("after_commit", format!("{so_many}*off->1*return(full)->off")),
            5 => Trouble::Fails("commit_chunk.users", chunk()),
            6 => Trouble::Fails("commit_chunk.outcomes", chunk()),
            7 => Trouble::Stopped,
            _ => return None,
        })
    }

    /// Lets `action` make the run that `log` is about, or go on with it, and the model do the same.
    fn play(
        &mut self,
        mut log: Log,
        trouble: Option<&Trouble>,
        meanwhile: Option<&Meanwhile>,
        action: impl FnOnce(&App, &Stop, &mut Watch<'_>) -> Result<Run, AppError>,
    ) -> Option<Run> {
        self.note(format!("  trouble {trouble:?}, meanwhile {meanwhile:?}"));
        let now = self.now();
        let before = if log.id == 0 { None } else { self.store.runs().by_id(log.id).unwrap() };
        let newest = self.app.runs().list().unwrap().next().map_or(0, |run| run.unwrap().id);
        let stop: Stop = Arc::new(AtomicBool::new(false));
        match trouble {
            Some(Trouble::Fails(point, how)) => fail::cfg(*point, how).unwrap(),
            Some(Trouble::Stopped) => stop.store(true, Ordering::Relaxed),
            None => {}
        }
        let mut watch = Watch { app: &self.app, meanwhile, done: None };
        let result = action(&self.app, &stop, &mut watch);
        let disturbed = watch.done;
        if let Some(Trouble::Fails(point, _)) = trouble {
            fail::remove(*point);
        }
        let made = match log.id {
            // A run that was taken back may leave a gap in the numbers.
            0 => self.app.runs().list().unwrap().next().map(|run| run.unwrap().id).filter(|id| *id > newest),
            id => Some(id),
        };
        // As it is kept, not as it stands.
        let Some(run) = made.and_then(|id| self.store.runs().by_id(id).unwrap()) else {
            self.note(format!("  no run: {}", result.unwrap_err()));
            assert!(trouble.is_some());
            return None;
        };
        if let (None, Err(error)) = (trouble, &result) {
            panic!("{error}");
        }
        let id = run.id;
        log.id = id;
        let taken = before.as_ref().is_none_or(|before| before.token < run.token);
        if let (Some(_), true) = (&before, taken) {
            log.brakes = run.settings.brakes;
            if log.state == State::Stopped {
                log.braked_from = log.done.len();
            }
        }
        match (meanwhile, disturbed) {
            (Some(Meanwhile::Edit(id, fields)), Some(done)) => {
                assert_eq!(self.world.edit(*id, fields, now), done, "an edit meanwhile");
            }
            (Some(Meanwhile::Remove(id)), Some(_)) => drop(self.world.people.remove(id)),
            _ => {}
        }
        let cursor = usize::try_from(run.cursor).unwrap();
        if taken {
            self.world.execute(&mut log, trouble.map(|_| cursor), now);
        }
        let state = match run.state {
            RunState::Running => State::Lost,
            RunState::Stopped => State::Stopped,
            RunState::Cancelled => State::Cancelled,
            RunState::Finished => State::Finished,
            other => panic!("{other:?}"),
        };
        self.note(format!("  run {id} is {state:?} at {cursor} of {}: {:?}", run.targets, run.note));
        if trouble.is_none() {
            assert_eq!(log.state, state, "{:?}", run.note);
        }
        log.state = state;
        self.check_run(&run, &log);
        self.world.runs.insert(id, log);
        Some(run)
    }

    fn check_run(&self, run: &Run, log: &Log) {
        assert_eq!((run.mode, run.applies, run.undoes), (log.mode, log.applies(), log.undoes));
        assert_eq!((run.targets, run.cursor), (log.targets.len() as u64, log.done.len() as i64));
        if log.state == State::Finished {
            assert_eq!(log.done.len(), log.targets.len());
        }
        for outcome in Outcome::ALL {
            let count = log.done.iter().filter(|done| done.outcome == outcome).count();
            assert_eq!(run.tally.get(outcome), count as u64, "{outcome}");
        }
        if log.mode == Mode::Preview {
            assert_eq!(run.plan, Some(self.store.outcomes().plan_of(run).unwrap().to_string()));
        }
        let outcomes: Vec<_> =
            self.app.runs().list_outcomes(run, None).unwrap().map(Result::unwrap).collect();
        let shown = if run.state.at_rest() { log.targets.len() } else { log.done.len() };
        assert_eq!(outcomes.len(), shown, "one outcome a target");
        for (at, (outcome, target)) in outcomes.iter().zip(&log.targets).enumerate() {
            assert_eq!((outcome.target, outcome.user_id), (at as i64 + 1, target.user));
            assert_eq!(outcome.cells, target.cells, "the row of target {}", outcome.target);
            match log.done.get(at) {
                Some(done) => check_outcome(outcome, done),
                None => assert_eq!(outcome.outcome, Outcome::NotRun),
            }
        }
    }

    fn choose(&mut self) -> Chosen {
        let filters: [(&str, Holds); 4] = [
            ("klass eq \"gold\"", |person| person.text(Field::Klass) == "gold"),
            ("obj_id le 3", |person| person.id <= 3),
            ("is_active eq true", |person| person.fields[&Field::IsActive] == Value::Bool(true)),
            ("profiles.short_name eq \"basic\"", |person| person.profiles.contains_key(&1)),
        ];
        let ids: Vec<_> = self.world.people.keys().copied().collect();
        match self.rng.u8(..20) {
            0..=7 => Chosen::All,
            8..=11 => {
                let (text, holds) = self.one(&filters);
                Chosen::Filter(text, holds)
            }
            _ if ids.is_empty() => Chosen::All,
            _ => {
                let plain = |person: &Person| person.name().chars().all(char::is_alphanumeric);
                let by_name = self.rng.bool() && self.world.people.values().all(plain);
                let few = self.rng.usize(1..4);
                let rows = (0..self.rng.usize(1..9)).map(|_| {
                    let id = ids[self.rng.usize(..few.min(ids.len()))];
                    let person = &self.world.people[&id];
                    let key = if by_name { person.name().to_owned() } else { id.to_string() };
                    let to = if self.rng.u8(..3) > 0 { &WORDS[..] } else { &NAMES[..] };
                    (id, vec![key, to[self.rng.usize(..to.len())].to_owned()])
                });
                Chosen::Rows(if by_name { "username" } else { "obj_id" }, rows.collect())
            }
        }
    }

    fn choice(&self, chosen: &Chosen) -> Choice {
        match chosen {
            Chosen::All => Choice::Users(UserSelection::default()),
            Chosen::Filter(text, _) => Choice::Users(UserSelection::filtered(*text)),
            Chosen::Rows(column, rows) => {
                let lines = rows.iter().map(|(_, cells)| cells.join(",") + "\n").collect::<String>();
                let file = std::io::Cursor::new(format!("{column},to\n{lines}"));
                let table = Table::read(file, &TableOptions::default()).unwrap();
                let wanted = RowsRequest { file: "rows.csv", ..RowsRequest::default() };
                let mut watch = Watch { app: &self.app, meanwhile: None, done: None };
                let chosen = self.app.runs().read_rows(table, &wanted, &mut watch).unwrap().chosen.unwrap();
                Choice::Rows(Box::new(chosen))
            }
        }
    }

    fn targets(&self, chosen: &Chosen) -> Vec<Target> {
        let target = |user, cells| Target { user, cells, origin: None };
        let all = self.world.people.values();
        match chosen {
            Chosen::All => all.map(|person| target(person.id, None)).collect(),
            Chosen::Filter(_, holds) => {
                all.filter(|person| holds(person)).map(|person| target(person.id, None)).collect()
            }
            Chosen::Rows(_, rows) => {
                rows.iter().map(|(id, cells)| target(*id, Some(cells.clone()))).collect()
            }
        }
    }

    fn log(
        &self,
        mode: Mode,
        script: &Rc<Script>,
        options: RunOptions,
        targets: Vec<Target>,
        repeats: bool,
    ) -> Log {
        Log {
            id: 0,
            mode,
            source: Source::Script,
            undoes: None,
            script: script.clone(),
            targets,
            repeats,
            created: self.now(),
            canary: options.canary.map(|canary| canary as usize),
            brakes: options.brakes,
            braked_from: 0,
            names: BTreeMap::new(),
            done: Vec::new(),
            state: State::Lost,
        }
    }

    fn run(&mut self, mode: Mode) {
        let chosen = self.choose();
        let lists = self.world.people.values().flat_map(|person| person.rows.iter().enumerate());
        let last = lists.filter_map(|(kind, rows)| Some((kind, rows.values().next_back()?.clone())));
        let known: Vec<_> = last.collect();
        let script = Rc::new(Script::random(&mut self.rng, matches!(chosen, Chosen::Rows(..)), &known));
        let (options, trouble, meanwhile) = self.options();
        self.note(format!("{} {chosen:?} {options:?}\n{}", mode.name(), script.python()));
        let targets = self.targets(&chosen);
        let repeats =
            (1..targets.len()).any(|at| targets[..at].iter().any(|earlier| earlier.user == targets[at].user));
        let log = self.log(mode, &script, options, targets, repeats);
        let request = |case: &Self| RunRequest {
            script: Source_ { version: None, name: "test.py".to_owned(), source: script.python() },
            mode,
            report: false,
            choice: case.choice(&chosen),
            params: Vec::new(),
            execution: execution(),
            options,
        };
        let wanted = request(self);
        let run = self.play(log.clone(), trouble.as_ref(), meanwhile.as_ref(), |app, stop, watch| {
            app.runs().create(&wanted, stop, watch)
        });
        let calm = trouble.is_none() && meanwhile.is_none() && mode == Mode::Preview;
        if calm && self.rng.u8(..4) == 0 {
            let wanted = request(self);
            let again =
                self.play(log, None, None, |app, stop, watch| app.runs().create(&wanted, stop, watch));
            assert_eq!(run.unwrap().plan, again.unwrap().plan, "equal previews");
        }
    }

    /// One of the runs for which this holds, or now and then another one.
    fn some_run(&mut self, suits: impl Fn(&Self, &Log) -> bool) -> Option<(Log, bool)> {
        let wanted = self.rng.u8(..10) > 0;
        let ids: Vec<RunId> =
            self.world.runs.values().filter(|log| suits(self, log) == wanted).map(|log| log.id).collect();
        if ids.is_empty() {
            return None;
        }
        // Rather a late one.
        let at = self.rng.usize(..ids.len()).max(self.rng.usize(..ids.len()));
        Some((self.world.runs[&ids[at]].clone(), wanted))
    }

    /// What is refused leaves no run.
    fn refused<T: std::fmt::Debug>(
        &self,
        action: impl FnOnce(&App, &Stop, &mut Watch<'_>) -> Result<T, AppError>,
    ) {
        let runs = self.app.runs().list().unwrap().count();
        let mut watch = Watch { app: &self.app, meanwhile: None, done: None };
        let why = action(&self.app, &Stop::default(), &mut watch).unwrap_err();
        self.note(format!("  refused: {why}"));
        assert_eq!(self.app.runs().list().unwrap().count(), runs);
    }

    /// Whether somebody is still at the run, for all that is known.
    fn leased(&self, log: &Log) -> bool {
        let until = self.store.runs().by_id(log.id).unwrap().unwrap().leased_until;
        log.state == State::Lost && until.is_some_and(|until| until >= self.clock.now())
    }

    fn apply(&mut self) {
        let suits = |case: &Self, log: &Log| {
            let applied =
                case.world.runs.values().any(|other| other.applies() == Some(log.id) && other.counts());
            log.mode == Mode::Preview && log.state == State::Finished && !applied
        };
        let Some((preview, allowed)) = self.some_run(suits) else { return };
        let (options, trouble, meanwhile) = self.options();
        let id = preview.id;
        self.note(format!("apply preview {id} {options:?}"));
        let request = ApplyRequest { plan: None, options };
        if !allowed {
            return self.refused(|app, stop, watch| app.runs().apply(id, &request, stop, watch));
        }
        let targets = replayed(&preview, |done| done.outcome == Outcome::Changed);
        let log = Log {
            source: Source::Plan(id),
            undoes: preview.undoes,
            ..self.log(Mode::Apply, &preview.script, options, targets, preview.repeats)
        };
        self.play(log, trouble.as_ref(), meanwhile.as_ref(), |app, stop, watch| {
            app.runs().apply(id, &request, stop, watch)
        });
    }

    fn undo(&mut self) {
        let suits = |_: &Self, log: &Log| log.mode == Mode::Apply && log.state != State::Lost;
        let Some((run, allowed)) = self.some_run(suits) else { return };
        let (options, trouble, meanwhile) = self.options();
        let mode = if self.rng.bool() { Mode::Apply } else { Mode::Preview };
        let only = if self.rng.u8(..4) == 0 { self.somebody() } else { None };
        let user = only.map(|id| self.world.people[&id].name().to_owned());
        let id = run.id;
        self.note(format!("undo {id} of {user:?} as {} {options:?}", mode.name()));
        let request = UndoRequest { mode, user, options };
        if !allowed {
            return self.refused(|app, stop, watch| app.runs().undo(id, &request, stop, watch));
        }
        let mut targets = replayed(&run, |done| done.outcome == Outcome::Changed);
        targets.retain(|target| only.is_none_or(|only| target.user == only));
        if only.is_some() && targets.is_empty() {
            return; // whoever else had that name then would be meant, or nobody
        }
        if run.repeats || run.done.iter().any(Done::renames) {
            targets.reverse();
        }
        let log = Log {
            source: Source::Inverse(id),
            undoes: Some(id),
            ..self.log(mode, &run.script, options, targets, run.repeats)
        };
        self.play(log, trouble.as_ref(), meanwhile.as_ref(), |app, stop, watch| {
            app.runs().undo(id, &request, stop, watch)
        });
    }

    fn retry(&mut self) {
        let again = self.one(&[Again::Failed, Again::Conflicts, Again::NotRun]);
        let has = |log: &Log| match again {
            Again::Failed => log.done.iter().any(|done| done.outcome == Outcome::Failed),
            Again::Conflicts => log.done.iter().any(|done| done.outcome == Outcome::Conflict),
            Again::NotRun => log.done.len() < log.targets.len(),
        };
        let of_script = |log: &Log| log.undoes.is_none() || again == Again::NotRun;
        let preview = self.rng.u8(..3) == 0;
        let shows_only = |log: &Log| {
            preview
                && again == Again::NotRun
                && !matches!(log.source, Source::Script)
                && log.mode == Mode::Apply
        };
        let suits =
            |case: &Self, log: &Log| has(log) && of_script(log) && !shows_only(log) && !case.leased(log);
        let Some((run, allowed)) = self.some_run(suits) else { return };
        let (options, trouble, meanwhile) = self.options();
        let id = run.id;
        self.note(format!("retry {again:?} of {id}, preview {preview}, {options:?}"));
        let request = RetryRequest { again, preview, execution: execution(), time_limit: None, options };
        // That there is nothing to try again is no reason to refuse it.
        let possible = of_script(&run) && !shows_only(&run) && !self.leased(&run);
        if !(allowed || possible) {
            return self.refused(|app, stop, watch| app.runs().retry(id, &request, stop, watch));
        }
        let mode = if preview { Mode::Preview } else { run.mode };
        let targets = match again {
            Again::Failed => replayed(&run, |done| done.outcome == Outcome::Failed),
            Again::Conflicts => replayed(&run, |done| done.outcome == Outcome::Conflict),
            Again::NotRun => run.targets[run.done.len()..].to_vec(),
        };
        let mut log = self.log(mode, &run.script, options, targets, run.repeats);
        if again == Again::NotRun {
            (log.source, log.undoes) = (run.source.clone(), run.undoes);
        }
        self.play(log, trouble.as_ref(), meanwhile.as_ref(), |app, stop, watch| {
            app.runs().retry(id, &request, stop, watch)
        });
    }

    fn resume(&mut self) {
        if self.rng.u8(..3) > 0 {
            self.clock.advance(LEASE);
        }
        let suits = |case: &Self, log: &Log| {
            let changed = log.done.iter().filter(|done| done.outcome == Outcome::Changed).count();
            let undo = |other: &Log| {
                let whole = other.targets.len() >= changed;
                other.mode == Mode::Apply && other.undoes == Some(log.id) && other.counts() && whole
            };
            matches!(log.state, State::Lost | State::Stopped)
                && !case.leased(log)
                && !case.world.runs.values().any(undo)
        };
        let Some((log, allowed)) = self.some_run(suits) else { return };
        // What a preview has planned for a user and what others do to them meanwhile may want the same place among the
        // attributes: a conflict that the model, where no place is wanted twice, does not know.
        if log.mode == Mode::Preview && log.repeats {
            return;
        }
        let (RunOptions { brakes, .. }, trouble, meanwhile) = self.options();
        let id = log.id;
        self.note(format!("resume {id}, a {:?} run, with {brakes:?}", log.state));
        let request =
            ResumeRequest { execution: execution(), time_limit: None, brakes, confirmed: true, queue: false };
        if !allowed {
            return self.refused(|app, stop, watch| app.runs().resume(id, &request, stop, watch));
        }
        let given = |new: Option<u64>, old: Option<u64>| new.or(old);
        let expected = Brakes {
            max_failures: given(brakes.max_failures, log.brakes.max_failures),
            max_changes: given(brakes.max_changes, log.brakes.max_changes),
            max_deactivations: given(brakes.max_deactivations, log.brakes.max_deactivations),
        };
        let run = self.play(log, trouble.as_ref(), meanwhile.as_ref(), |app, stop, watch| {
            app.runs().resume(id, &request, stop, watch)
        });
        if trouble.is_none() {
            assert_eq!(run.unwrap().settings.brakes, expected);
        }
    }

    fn cancel(&mut self) {
        let suits =
            |case: &Self, log: &Log| matches!(log.state, State::Lost | State::Stopped) && !case.leased(log);
        let Some((log, true)) = self.some_run(suits) else { return };
        self.note(format!("cancel {}", log.id));
        let run = self.app.runs().cancel(log.id).unwrap();
        assert_eq!(run.state, RunState::Cancelled);
        let log = self.world.runs.get_mut(&log.id).unwrap();
        log.state = State::Cancelled;
        let log = log.clone();
        self.check_run(&run, &log);
    }
}

/// Those targets of a run that ended so, for another one.
fn replayed(log: &Log, which: impl Fn(&Done) -> bool) -> Vec<Target> {
    let each = log.targets.iter().zip(&log.done).enumerate();
    each.filter(|(_, (_, done))| which(done))
        .map(|(at, (target, _))| Target { origin: Some(at), ..target.clone() })
        .collect()
}

fn check_outcome(outcome: &TargetOutcome, done: &Done) {
    let target = outcome.target;
    assert_eq!(outcome.outcome, done.outcome, "target {target}: {:?}", outcome.error);
    if done.name.is_some() {
        assert_eq!(outcome.username, done.name, "the name of target {target}");
    }
    assert_eq!(changes(&outcome.changes), touched(&done.touches), "the changes of target {target}");
    if matches!(done.outcome, Outcome::Changed | Outcome::Unchanged) {
        assert_eq!(outcome.dated, done.dated, "whether target {target} assigns last_update");
        let given: BTreeMap<String, bool> =
            outcome.result.as_deref().map(|text| serde_json::from_str(text).unwrap()).unwrap_or_default();
        let expected: BTreeMap<_, _> = done.answers.iter().cloned().collect();
        assert_eq!(given, expected, "what target {target} was answered");
    }
}

/// Fields, profiles and items, each in one form.
type Changes = [Vec<String>; 3];

fn changes(changes: &[Change]) -> Changes {
    let row =
        |sign, kind, row: &ItemRow| format!("{sign}{kind} {} {} {}", row.attr, row.operation, row.value);
    let mut all = Changes::default();
    for change in changes {
        match change {
            Change::Set(FieldChange { field, before, after }) => {
                all[0].push(format!("{field} {before:?} {after:?}"));
            }
            Change::ProfileAdd(Assignment { id, priority, .. }) => all[1].push(format!("+{id} {priority}")),
            Change::ProfileRemove(Assignment { id, priority, .. }) => {
                all[1].push(format!("-{id} {priority}"));
            }
            Change::AttributeAdd(added) => all[2].push(row('+', 0, added)),
            Change::AttributeRemove(removed) => all[2].push(row('-', 0, removed)),
            Change::CheckAttributeAdd(added) => all[2].push(row('+', 1, added)),
            Change::CheckAttributeRemove(removed) => all[2].push(row('-', 1, removed)),
        }
    }
    all[1].sort_unstable();
    all
}

fn touched(touches: &[Touch]) -> Changes {
    let mut all = Changes::default();
    for touch in touches {
        match touch {
            Touch::Field(field, [before, after]) => all[0].push(format!("{field} {before:?} {after:?}")),
            Touch::Profile(id, [before, after]) => {
                all[1].extend(before.map(|priority| format!("-{id} {priority}")));
                all[1].extend(after.map(|priority| format!("+{id} {priority}")));
            }
            Touch::Row(..) => {}
        }
    }
    for kind in 0..2 {
        for (side, sign) in [(0, '-'), (1, '+')] {
            for touch in touches {
                if let Touch::Row(of, _, rows) = touch
                    && let (true, Some((attr, operation, value))) = (*of == kind, &rows[side])
                {
                    all[2].push(format!("{sign}{kind} {attr} {operation} {value}"));
                }
            }
        }
    }
    all[1].sort_unstable();
    all
}
