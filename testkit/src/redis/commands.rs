//! What can be asked of the pretended server: the commands that the ledger uses, answered as Redis 7 does.
//!
//! What is kept is in `keys`, how functions run in `functions`.

use super::functions::{FunctionBug, Functions};
use super::keys::{Keys, Table};
use super::resp::{Answer, Words};
use std::sync::{Arc, Mutex};

/// What it says of itself: fit for money.
const INFO: &str = "# Server\r\nredis_version:7.0.15\r\nrole:master\r\ncluster_enabled:0\r\naof_enabled:1\r\nmaxmemory_policy:noeviction\r\n";

/// Commands that write nothing.
const READING: [&str; 13] = [
    "INFO", "PING", "GET", "HGET", "HMGET", "HGETALL", "HEXISTS", "LRANGE", "SCAN", "SCRIPT", "MULTI", "EXEC", "EXISTS",
];

/// The server without its connections.
pub(super) struct Served {
    keys: Arc<Mutex<Keys>>,
    functions: Functions,
    /// With which error writes are refused.
    pub(super) refuses: Option<&'static str>,
}

impl Served {
    pub(super) fn new(bug: Option<FunctionBug>) -> Served {
        let keys: Arc<Mutex<Keys>> = Arc::default();
        Served { functions: Functions::new(Arc::clone(&keys), bug), keys, refuses: None }
    }

    pub(super) fn forget_functions(&mut self) {
        self.functions.forget();
    }

    pub(super) fn undo(&mut self, commands: usize) -> usize {
        self.keys.lock().unwrap().undo(commands)
    }

    pub(super) fn writes(&self) -> usize {
        self.keys.lock().unwrap().writes()
    }

    pub(super) fn pass(&mut self, seconds: u64) {
        self.keys.lock().unwrap().pass(seconds);
    }

    /// Does one command. Between MULTI and EXEC they are kept in `queued`, which is the connection's.
    pub(super) fn run(&mut self, words: Words, queued: &mut Option<Vec<Words>>) -> Answer {
        let name = name_of(&words);
        match (name.as_str(), queued.as_mut()) {
            ("MULTI", None) => {
                *queued = Some(Vec::new());
                Answer::ok()
            }
            ("EXEC", Some(_)) => {
                let commands = queued.take().unwrap_or_default();
                let answers = commands.into_iter().map(|words| self.one(&words)).collect();
                self.keys.lock().unwrap().end_command();
                Answer::List(answers)
            }
            (_, Some(queue)) => {
                queue.push(words);
                Answer::Status("QUEUED".to_owned())
            }
            _ => {
                let answer = self.one(&words);
                self.keys.lock().unwrap().end_command();
                answer
            }
        }
    }

    fn one(&mut self, words: &Words) -> Answer {
        let name = name_of(words);
        if let (Some(error), false) = (self.refuses, READING.contains(&name.as_str())) {
            return Answer::Error(error.to_owned());
        }
        match (name.as_str(), words.get(1).map(|word| String::from_utf8_lossy(word).to_uppercase()).as_deref()) {
            ("EVALSHA", _) => self.functions.call(words),
            ("SCRIPT", Some("LOAD")) => Answer::Bulk(self.functions.load(&words[2]).into_bytes()),
            ("SCRIPT", Some("FLUSH")) => {
                self.functions.forget();
                Answer::ok()
            }
            _ => obey(&mut self.keys.lock().unwrap(), words),
        }
    }
}

fn name_of(words: &Words) -> String {
    words.first().map(|word| String::from_utf8_lossy(word).to_uppercase()).unwrap_or_default()
}

/// Does a command about keys, from a connection or from a function.
pub(super) fn obey(keys: &mut Keys, words: &[Vec<u8>]) -> Answer {
    answer(keys, words).unwrap_or_else(|error| Answer::Error(error.to_owned()))
}

fn answer(keys: &mut Keys, words: &[Vec<u8>]) -> Result<Answer, &'static str> {
    let name = words.first().map(|word| String::from_utf8_lossy(word).to_uppercase()).unwrap_or_default();
    let arguments = &words[1..];
    let [key, rest @ ..] = arguments else {
        return Ok(match name.as_str() {
            "PING" => Answer::Status("PONG".to_owned()),
            "INFO" => Answer::Bulk(INFO.into()),
            "FLUSHALL" => {
                keys.flush();
                Answer::ok()
            }
            _ => Answer::Error(format!("ERR unknown command '{name}'")),
        });
    };
    Ok(match (name.as_str(), rest) {
        ("GET", []) => Answer::bulk(keys.text(key)?),
        ("SET", [text]) => {
            keys.set_text(key, text.clone());
            Answer::ok()
        }
        ("SETNX", [text]) => {
            let is_new = !keys.exists(key);
            if is_new {
                keys.set_text(key, text.clone());
            }
            Answer::flag(is_new)
        }
        ("EXISTS", []) => Answer::flag(keys.exists(key)),
        ("DEL", _) => Answer::Integer(arguments.iter().filter(|key| keys.delete(key)).count() as i64),
        ("EXPIRE", [seconds]) => Answer::flag(keys.expire(key, number(seconds)? as u64)),
        ("HGET", [field]) => Answer::bulk(field_of(keys.table(key)?, field)),
        ("HMGET", [_, ..]) => {
            let table = keys.table(key)?;
            Answer::List(rest.iter().map(|field| Answer::bulk(field_of(table, field))).collect())
        }
        ("HGETALL", []) => {
            let table = keys.table(key)?.into_iter().flatten();
            Answer::List(table.flat_map(|(field, value)| [field, value]).cloned().map(Answer::Bulk).collect())
        }
        ("HEXISTS", [field]) => Answer::flag(field_of(keys.table(key)?, field).is_some()),
        ("HSET", [_, ..]) if rest.len() % 2 == 0 => {
            let mut count = 0;
            for pair in rest.chunks(2) {
                count += i64::from(keys.set_field(key, pair[0].clone(), pair[1].clone())?);
            }
            Answer::Integer(count)
        }
        ("HSETNX", [field, value]) => {
            let is_new = field_of(keys.table(key)?, field).is_none();
            if is_new {
                keys.set_field(key, field.clone(), value.clone())?;
            }
            Answer::flag(is_new)
        }
        ("HDEL", [_, ..]) => {
            let mut count = 0;
            for field in rest {
                count += i64::from(keys.delete_field(key, field)?);
            }
            Answer::Integer(count)
        }
        ("HINCRBY", [field, by]) => {
            let before = field_of(keys.table(key)?, field).map_or(Ok(0), |text| number(&text));
            let after = before.map_err(|_| "ERR hash value is not an integer")? + number(by)?;
            keys.set_field(key, field.clone(), after.to_string().into_bytes())?;
            Answer::Integer(after)
        }
        ("RPUSH", [_, ..]) => {
            let mut length = 0;
            for item in rest {
                length = keys.push(key, item.clone())?;
            }
            Answer::Integer(length as i64)
        }
        ("LPOP", []) => Answer::bulk(keys.pop(key)?),
        ("LPOP", [count]) => {
            if keys.list(key)?.is_none() {
                return Ok(Answer::NoList);
            }
            let mut items = Vec::new();
            for _ in 0..number(count)? {
                let Some(item) = keys.pop(key)? else { break };
                items.push(Answer::Bulk(item));
            }
            Answer::List(items)
        }
        ("LRANGE", [from, to]) => {
            let items = keys.list(key)?.into_iter().flatten();
            let length = keys.list(key)?.map_or(0, |list| list.len()) as i64;
            let place = |text| number(text).map(|at| if at < 0 { (length + at).max(0) } else { at });
            let (from, to) = (place(from)?, place(to)?);
            let wanted = items.skip(from as usize).take((to - from + 1).max(0) as usize);
            Answer::List(wanted.cloned().map(Answer::Bulk).collect())
        }
        // Of this command the ledger needs one form: so many of the last.
        ("LTRIM", [from, to]) if number(from)? < 0 && number(to)? == -1 => {
            keys.keep_last(key, number(from)?.unsigned_abs() as usize)?;
            Answer::ok()
        }
        ("SCAN", [_, pattern, ..]) => {
            let found = keys.names().into_iter().filter(|name| matches(pattern, name)).map(Answer::Bulk).collect();
            Answer::List(vec![Answer::Bulk(b"0".to_vec()), Answer::List(found)])
        }
        ("FLUSHALL", _) => {
            keys.flush();
            Answer::ok()
        }
        _ => Answer::Error(format!("ERR unknown command '{name}'")),
    })
}

fn field_of(table: Option<&Table>, field: &[u8]) -> Option<Vec<u8>> {
    table.and_then(|table| table.get(field)).cloned()
}

fn number(text: &[u8]) -> Result<i64, &'static str> {
    let text = std::str::from_utf8(text).ok();
    text.and_then(|text| text.parse().ok()).ok_or("ERR value is not an integer or out of range")
}

/// Whether a name has this form, in which `*` is anything.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => (0..=name.len()).any(|skipped| matches(rest, &name[skipped..])),
        Some((byte, rest)) => name.split_first().is_some_and(|(first, name)| first == byte && matches(rest, name)),
    }
}
