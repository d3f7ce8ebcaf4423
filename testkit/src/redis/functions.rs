//! The functions in Lua 5.1, as Redis runs them: numbers are doubles, globals cannot be made, errors are answers; a key that was not
//! named among `KEYS` is refused, as in a cluster.
//!
//! Their text is the ledger's own; only a planted bug changes it.

use super::commands::obey;
use super::keys::Keys;
use super::resp::{Answer, Words};
use mlua::{Function, Lua, LuaOptions, StdLib, Table, Value, Variadic};
use sha1::{Digest, Sha1};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A thing that is wrong in the functions, to show that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionBug {
    /// What was answered is not kept: who asks again is done for again.
    ForgetsOutcomes,
    /// A part is laid by an order that lay in a buffer since its connection broke, over what came later.
    LaysLate,
    /// A node whose part was lost is not told to lay it.
    IgnoresLoss,
    /// A capture gives back what was held and takes nothing off it for the other nodes: the total keeps what the part has not.
    KeepsTheHoldInTotals,
    /// What is available is decided by the node's own part.
    DecidesByItsPart,
}

impl FunctionBug {
    /// Every one.
    pub const ALL: [FunctionBug; 5] = [
        FunctionBug::ForgetsOutcomes,
        FunctionBug::LaysLate,
        FunctionBug::IgnoresLoss,
        FunctionBug::KeepsTheHoldInTotals,
        FunctionBug::DecidesByItsPart,
    ];

    /// What stands in the text, and what stands there instead.
    const fn change(self) -> (&'static str, &'static str) {
        match self {
            FunctionBug::ForgetsOutcomes => {
                ("local known = redis.call('HGET', outcomes, batch)", "local known = false")
            }
            FunctionBug::LaysLate => ("if laid_life == this_life and laid >= this then return 'late' end", ""),
            FunctionBug::IgnoresLoss => ("if missing and missing ~= '' then return 'missing ' .. missing end", ""),
            FunctionBug::KeepsTheHoldInTotals => (
                "local losing = moved(account(held.debit), -amount, -held.amount)",
                "local losing = moved(account(held.debit), -amount, -held.amount)\n  if losing and is_shared then losing.held = losing.held + held.amount end",
            ),
            FunctionBug::DecidesByItsPart => (
                "local function available(of) return of.posted - of.held end",
                "local function available(of) if is_shared then return of.posted - of.own_held end return of.posted - of.held end",
            ),
        }
    }

    fn falsify(self, text: &str) -> String {
        let (stands, instead) = self.change();
        text.replace(stands, instead)
    }

    /// Whether it is a change of this text.
    pub fn is_of(self, text: &str) -> bool {
        text.contains(self.change().0)
    }
}

/// The functions that are known, and the machine that runs them.
pub(super) struct Functions {
    lua: Lua,
    known: BTreeMap<String, Function>,
    /// Kept where a server is started again: its text is loaded anew each time, and parsed once.
    parsed: BTreeMap<String, Function>,
    bug: Option<FunctionBug>,
    /// The keys that the function which runs has named.
    named: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Functions {
    pub(super) fn new(keys: Arc<Mutex<Keys>>, bug: Option<FunctionBug>) -> Functions {
        let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH;
        let lua = Lua::new_with(libraries, LuaOptions::default()).unwrap();
        let named: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        prepare(&lua, &keys, &named).unwrap();
        Functions { lua, known: BTreeMap::new(), parsed: BTreeMap::new(), bug, named }
    }

    /// Makes a function known. Gives its name.
    pub(super) fn load(&mut self, text: &[u8]) -> String {
        let name: String = Sha1::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        let parsed = self.parsed.entry(name.clone()).or_insert_with(|| {
            let text = String::from_utf8_lossy(text).into_owned();
            let text = self.bug.map_or(text.clone(), |bug| bug.falsify(&text));
            self.lua.load(text).set_name("@user_script").into_function().unwrap()
        });
        self.known.insert(name.clone(), parsed.clone());
        name
    }

    pub(super) fn forget(&mut self) {
        self.known.clear();
    }

    /// `EVALSHA name count key... argument...`
    pub(super) fn call(&mut self, words: &Words) -> Answer {
        let name = String::from_utf8_lossy(&words[1]).into_owned();
        let Some(function) = self.known.get(&name) else {
            return Answer::Error("NOSCRIPT No matching script. Please use EVAL.".to_owned());
        };
        let count: usize = String::from_utf8_lossy(&words[2]).parse().unwrap();
        let (keys, arguments) = words[3..].split_at(count);
        *self.named.lock().unwrap() = keys.to_vec();
        let told = self.told("KEYS", keys).and_then(|()| self.told("ARGV", arguments));
        match told.and_then(|()| function.call::<Value>(())) {
            Ok(value) => answer_of(&value),
            Err(error) => {
                let first = error.to_string().lines().next().unwrap_or_default().to_owned();
                let text = first.strip_prefix("runtime error: ").unwrap_or(&first);
                Answer::Error(format!("ERR {text} script: {name}"))
            }
        }
    }

    fn told(&self, name: &str, words: &[Vec<u8>]) -> mlua::Result<()> {
        let table = self.lua.create_table_with_capacity(words.len(), 0)?;
        for word in words {
            table.raw_push(self.lua.create_string(word)?)?;
        }
        self.lua.globals().raw_set(name, table)
    }
}

/// What Redis gives its functions, and what it keeps from them.
fn prepare(lua: &Lua, keys: &Arc<Mutex<Keys>>, named: &Arc<Mutex<Vec<Vec<u8>>>>) -> mlua::Result<()> {
    let globals = lua.globals();
    for name in ["print", "dofile", "loadfile"] {
        globals.raw_remove(name)?;
    }
    let format: Function = globals.get::<Table>("string")?.get("format")?;
    let (keys, named) = (Arc::clone(keys), Arc::clone(named));
    let call = lua.create_function(move |lua, arguments: Variadic<Value>| {
        let mut words: Vec<Vec<u8>> = Vec::with_capacity(arguments.len());
        for argument in arguments.iter() {
            words.push(match argument {
                Value::String(text) => text.as_bytes().to_vec(),
                Value::Integer(_) | Value::Number(_) => {
                    format.call::<mlua::String>(("%.17g", argument.clone()))?.as_bytes().to_vec()
                }
                other => {
                    let what = format!("Lua redis lib command arguments must be strings or integers, not {other:?}");
                    return Err(mlua::Error::RuntimeError(what));
                }
            });
        }
        if !words.get(1).is_some_and(|key| named.lock().unwrap().contains(key)) {
            let key = words.get(1).map(|key| String::from_utf8_lossy(key).into_owned());
            return Err(mlua::Error::RuntimeError(format!("Script attempted to access the key {key:?}, not in KEYS")));
        }
        let answer = obey(&mut keys.lock().unwrap(), &words);
        match answer {
            Answer::Error(what) => Err(mlua::Error::RuntimeError(what)),
            answer => value_of(lua, &answer),
        }
    })?;
    let redis = lua.create_table()?;
    redis.raw_set("call", call)?;
    globals.raw_set("redis", redis)?;
    // As Redis: a name that is mistyped is an error and no nil, and nothing stays for the next function.
    lua.load(
        "setmetatable(_G, {
           __index = function(_, name) error('Script attempted to access nonexistent global variable ' .. \"'\" .. name .. \"'\") end,
           __newindex = function() error('Attempt to modify a readonly table') end })",
    )
    .exec()
}

fn value_of(lua: &Lua, answer: &Answer) -> mlua::Result<Value> {
    Ok(match answer {
        Answer::Integer(number) => Value::Number(*number as f64),
        Answer::Bulk(bytes) => Value::String(lua.create_string(bytes)?),
        Answer::Nil | Answer::NoList => Value::Boolean(false),
        Answer::Status(text) => {
            let table = lua.create_table()?;
            table.raw_set("ok", text.as_str())?;
            Value::Table(table)
        }
        Answer::Error(text) => return Err(mlua::Error::RuntimeError(text.clone())),
        Answer::List(answers) => {
            let table = lua.create_table_with_capacity(answers.len(), 0)?;
            for answer in answers {
                table.raw_push(value_of(lua, answer)?)?;
            }
            Value::Table(table)
        }
    })
}

fn answer_of(value: &Value) -> Answer {
    match value {
        Value::String(text) => Answer::Bulk(text.as_bytes().to_vec()),
        Value::Integer(number) => Answer::Integer(*number),
        Value::Number(number) => Answer::Integer(*number as i64),
        Value::Boolean(true) => Answer::Integer(1),
        Value::Table(table) => {
            let said = |field: &str| table.raw_get::<Option<String>>(field).ok().flatten();
            match (said("ok"), said("err")) {
                (Some(ok), _) => Answer::Status(ok),
                (_, Some(error)) => Answer::Error(error),
                _ => Answer::List(table.sequence_values::<Value>().flatten().map(|value| answer_of(&value)).collect()),
            }
        }
        _ => Answer::Nil,
    }
}
