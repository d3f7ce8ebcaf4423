//! What is kept under which key; and the way back, for writes that a promoted replica has not heard of.
//!
//! Who asks is in `commands`.

use std::collections::{BTreeMap, VecDeque};

/// Writing commands that can be lost, at most.
const UNDONE_MAX: usize = 4_096;

/// What a key has that is asked for something else.
pub(super) const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

/// Fields and their values.
pub(super) type Table = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(Vec<u8>),
    Table(Table),
    List(VecDeque<Vec<u8>>),
}

#[derive(Clone)]
struct Entry {
    value: Value,
    /// The second at which it goes.
    goes_at: Option<u64>,
}

/// What takes one change back.
enum Undo {
    Key(Vec<u8>, Option<Entry>),
    Field(Vec<u8>, Vec<u8>, Option<Vec<u8>>),
    Pushed(Vec<u8>),
    Popped(Vec<u8>, Vec<u8>),
}

/// All keys.
#[derive(Default)]
pub(super) struct Keys {
    entries: BTreeMap<Vec<u8>, Entry>,
    now_s: u64,
    /// Of the command that is being done.
    undo: Vec<Undo>,
    /// Of the commands before it, oldest first.
    done: VecDeque<Vec<Undo>>,
}

type Found<T> = Result<T, &'static str>;

impl Keys {
    /// A command is done: what it wrote can be lost as a whole.
    pub(super) fn end_command(&mut self) {
        if !self.undo.is_empty() {
            self.done.push_back(std::mem::take(&mut self.undo));
            if self.done.len() > UNDONE_MAX {
                self.done.pop_front();
            }
        }
    }

    /// How many commands can be lost.
    pub(super) fn writes(&self) -> usize {
        self.done.len()
    }

    /// Loses the last commands. Gives how many.
    pub(super) fn undo(&mut self, commands: usize) -> usize {
        let lost = commands.min(self.done.len());
        for _ in 0..lost {
            for undo in self.done.pop_back().into_iter().flatten().rev() {
                self.take_back(undo);
            }
        }
        lost
    }

    fn take_back(&mut self, undo: Undo) {
        match undo {
            Undo::Key(key, Some(entry)) => {
                self.entries.insert(key, entry);
            }
            Undo::Key(key, None) => {
                self.entries.remove(&key);
            }
            Undo::Field(key, field, before) => {
                let table = self.made(&key, Value::Table(Table::new()));
                if let Value::Table(table) = table {
                    match before {
                        Some(before) => table.insert(field, before),
                        None => table.remove(&field),
                    };
                }
                self.drop_empty(&key);
            }
            Undo::Pushed(key) => {
                if let Value::List(list) = self.made(&key, Value::List(VecDeque::new())) {
                    list.pop_back();
                }
                self.drop_empty(&key);
            }
            Undo::Popped(key, item) => {
                if let Value::List(list) = self.made(&key, Value::List(VecDeque::new())) {
                    list.push_front(item);
                }
            }
        }
    }

    fn made(&mut self, key: &[u8], empty: Value) -> &mut Value {
        &mut self.entries.entry(key.to_vec()).or_insert(Entry { value: empty, goes_at: None }).value
    }

    /// A key without anything under it is none.
    fn drop_empty(&mut self, key: &[u8]) {
        let is_empty = match self.entries.get(key).map(|entry| &entry.value) {
            Some(Value::Table(table)) => table.is_empty(),
            Some(Value::List(list)) => list.is_empty(),
            _ => false,
        };
        if is_empty {
            self.entries.remove(key);
        }
    }

    /// Time passes.
    pub(super) fn pass(&mut self, seconds: u64) {
        self.now_s += seconds;
        let now_s = self.now_s;
        self.entries.retain(|_, entry| entry.goes_at.is_none_or(|at| at > now_s));
    }

    pub(super) fn flush(&mut self) {
        for key in self.names() {
            self.delete(&key);
        }
    }

    pub(super) fn names(&self) -> Vec<Vec<u8>> {
        self.entries.keys().cloned().collect()
    }

    pub(super) fn delete(&mut self, key: &[u8]) -> bool {
        let was = self.entries.remove(key);
        let was_there = was.is_some();
        if was_there {
            self.undo.push(Undo::Key(key.to_vec(), was));
        }
        was_there
    }

    pub(super) fn expire(&mut self, key: &[u8], seconds: u64) -> bool {
        let goes_at = self.now_s + seconds;
        match self.entries.get_mut(key) {
            Some(entry) => {
                entry.goes_at = Some(goes_at);
                true
            }
            None => false,
        }
    }

    pub(super) fn text(&self, key: &[u8]) -> Found<Option<Vec<u8>>> {
        match self.entries.get(key).map(|entry| &entry.value) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text.clone())),
            Some(_) => Err(WRONG_TYPE),
        }
    }

    pub(super) fn set_text(&mut self, key: &[u8], text: Vec<u8>) {
        let before = self.entries.insert(key.to_vec(), Entry { value: Value::Text(text), goes_at: None });
        self.undo.push(Undo::Key(key.to_vec(), before));
    }

    pub(super) fn exists(&self, key: &[u8]) -> bool {
        self.entries.contains_key(key)
    }

    pub(super) fn table(&self, key: &[u8]) -> Found<Option<&Table>> {
        match self.entries.get(key).map(|entry| &entry.value) {
            None => Ok(None),
            Some(Value::Table(table)) => Ok(Some(table)),
            Some(_) => Err(WRONG_TYPE),
        }
    }

    /// Gives whether the field is new.
    pub(super) fn set_field(&mut self, key: &[u8], field: Vec<u8>, value: Vec<u8>) -> Found<bool> {
        let Value::Table(table) = self.made(key, Value::Table(Table::new())) else { return Err(WRONG_TYPE) };
        let before = table.insert(field.clone(), value);
        let is_new = before.is_none();
        self.undo.push(Undo::Field(key.to_vec(), field, before));
        Ok(is_new)
    }

    /// Gives whether the field was there.
    pub(super) fn delete_field(&mut self, key: &[u8], field: &[u8]) -> Found<bool> {
        let Some(entry) = self.entries.get_mut(key) else { return Ok(false) };
        let Value::Table(table) = &mut entry.value else { return Err(WRONG_TYPE) };
        let Some(before) = table.remove(field) else { return Ok(false) };
        self.undo.push(Undo::Field(key.to_vec(), field.to_vec(), Some(before)));
        self.drop_empty(key);
        Ok(true)
    }

    pub(super) fn list(&self, key: &[u8]) -> Found<Option<&VecDeque<Vec<u8>>>> {
        match self.entries.get(key).map(|entry| &entry.value) {
            None => Ok(None),
            Some(Value::List(list)) => Ok(Some(list)),
            Some(_) => Err(WRONG_TYPE),
        }
    }

    /// Gives how long the list is then.
    pub(super) fn push(&mut self, key: &[u8], item: Vec<u8>) -> Found<usize> {
        let Value::List(list) = self.made(key, Value::List(VecDeque::new())) else { return Err(WRONG_TYPE) };
        list.push_back(item);
        let length = list.len();
        self.undo.push(Undo::Pushed(key.to_vec()));
        Ok(length)
    }

    pub(super) fn pop(&mut self, key: &[u8]) -> Found<Option<Vec<u8>>> {
        let Some(entry) = self.entries.get_mut(key) else { return Ok(None) };
        let Value::List(list) = &mut entry.value else { return Err(WRONG_TYPE) };
        let item = list.pop_front();
        if let Some(item) = &item {
            self.undo.push(Undo::Popped(key.to_vec(), item.clone()));
        }
        self.drop_empty(key);
        Ok(item)
    }

    /// Keeps this many of the last items.
    pub(super) fn keep_last(&mut self, key: &[u8], many: usize) -> Found<()> {
        while self.list(key)?.is_some_and(|list| list.len() > many) {
            self.pop(key)?;
        }
        Ok(())
    }
}
