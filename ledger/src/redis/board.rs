//! A board in Redis on which the nodes of a house tell each other what is true for a while: rows by name, the newest of each name, and
//! what has changed since the last look.
//!
//! What stands in a row is its writers' to know. It is no money, and no record: what Redis forgets, its writers write again.

use super::link::{Link, Lost, Order};
use super::seen::{Op, Watch};
use super::server::Server;
use super::settings::Settings;
use redis::Value;

/// The function's text.
const FUNCTION: &str = include_str!("board.lua");
/// The keys; the braces put them into one slot of a cluster.
const KEYS: [&str; 4] = ["tandem:{board}:rows", "tandem:{board}:order", "tandem:{board}:count", "tandem:{board}:life"];
/// Rows that are read at once at most: the rest comes with the next look.
pub const READ_MAX: usize = 1_024;
/// How long a row stands beyond its time: clocks differ, and a removal must outlast what it removes.
const GRACE_MS: i64 = 60_000;

/// Something that a node tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it is about.
    pub name: String,
    /// When it became so, in microseconds since 1970: of two rows with one name the later stands.
    pub at_us: i64,
    /// Until when it is worth anything, in milliseconds since 1970.
    pub until_ms: i64,
    /// What is told.
    pub text: String,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// What changed since the last look, in order.
    pub rows: Vec<Row>,
    /// Whether the board is another one than at the last look, or has forgotten something: everything that is still true must be written
    /// again. So it is at the first look.
    pub is_new: bool,
    /// Whether there is more to be read at once.
    pub has_more: bool,
}

/// The board could not be reached; what was to be written is not.
#[derive(Debug, thiserror::Error)]
#[error("the nodes' board in Redis: {0}")]
pub struct BoardAway(String);

/// One node's way to the board. Blocks; for a thread of its own.
pub struct Board {
    server: Server,
    house: String,
    watch: Watch,
    link: Option<Link>,
    /// What this node would name a new board.
    life: String,
    known: Option<(String, i64)>,
}

impl Board {
    /// The board in the Redis of this ledger; nothing is connected yet. `house` names whose it is, `life` is what nobody else would call a new
    /// board.
    pub fn new(settings: &Settings, house: String, life: String) -> Board {
        let server = settings.server.clone();
        Board { server, house, watch: Watch::default(), link: None, life, known: None }
    }

    fn link(&mut self) -> Result<&mut Link, BoardAway> {
        if self.link.is_none() {
            let link = Link::open(&self.server, &self.house, &self.watch);
            self.link = Some(link.map_err(|error| BoardAway(error.to_string()))?);
            // It may be another master, which has not heard everything: what it counts since then proves nothing.
            self.known = None;
        }
        self.link.as_mut().ok_or_else(|| BoardAway("is not there".to_owned()))
    }

    fn run(&mut self, op: Op, orders: &[Order]) -> Result<Vec<Value>, BoardAway> {
        let said = self.link()?.run_well(op, orders);
        said.map_err(|Lost(why)| {
            self.link = None;
            BoardAway(why)
        })
    }

    /// Writes rows, in order; one that is older than what stands is passed over.
    ///
    /// # Errors
    /// [`BoardAway`]: some may stand. Writing them again is right.
    pub fn put(&mut self, rows: &[Row]) -> Result<(), BoardAway> {
        let orders: Vec<Order> = rows
            .iter()
            .map(|row| {
                let mut cmd = self.call("put");
                cmd.arg(&row.name).arg(row.at_us).arg(row.until_ms).arg(&row.text);
                Order::about(KEYS[0], cmd)
            })
            .collect();
        self.run(Op::Set, &orders).map(drop)
    }

    fn call(&self, what: &str) -> redis::Cmd {
        let mut cmd = redis::cmd("EVAL");
        cmd.arg(FUNCTION).arg(KEYS.len());
        KEYS.iter().for_each(|key| {
            cmd.arg(key);
        });
        cmd.arg(what).arg(&self.life);
        cmd
    }

    /// What has changed since the last look; from the beginning where the board is another one. `now_ms` is the time, in milliseconds since
    /// 1970.
    ///
    /// # Errors
    /// [`BoardAway`].
    pub fn read(&mut self, now_ms: i64) -> Result<News, BoardAway> {
        self.link()?;
        let (life, since) = self.known.clone().unwrap_or_default();
        let news = self.read_since(since, now_ms)?;
        if news.0 == life && news.1 >= since {
            return Ok(self.noted(news, false));
        }
        // A promotion may have lost changes that were read: whose they were says them again, and everything is read anew.
        let news = self.read_since(0, now_ms)?;
        Ok(self.noted(news, true))
    }

    fn noted(&mut self, (life, count, rows): Said, is_new: bool) -> News {
        let has_more = rows.len() >= READ_MAX;
        let upto = if has_more { rows.last().map_or(count, |(change, _)| *change) } else { count };
        self.known = Some((life, upto));
        News { rows: rows.into_iter().filter_map(|(_, row)| row).collect(), is_new, has_more }
    }

    fn read_since(&mut self, since: i64, now_ms: i64) -> Result<Said, BoardAway> {
        let mut cmd = self.call("read");
        cmd.arg(since).arg(READ_MAX).arg(now_ms - GRACE_MS);
        let said = self.run(Op::Get, &[Order::about(KEYS[0], cmd)])?.pop().unwrap_or_default();
        read(said).ok_or_else(|| BoardAway("said what it cannot say".to_owned()))
    }
}

/// The board's life, how many changes there were, and the changes that were asked for.
type Said = (String, i64, Vec<(i64, Option<Row>)>);

fn read(said: Value) -> Option<Said> {
    let mut said = match said {
        Value::Array(said) => said.into_iter(),
        _ => return None,
    };
    let life: String = redis::from_redis_value(said.next()?).ok()?;
    let count: i64 = redis::from_redis_value(said.next()?).ok()?;
    let mut rows = Vec::new();
    while let Some(name) = said.next() {
        let name: String = redis::from_redis_value(name).ok()?;
        let change: i64 = redis::from_redis_value(said.next()?).ok()?;
        let text: String = redis::from_redis_value(said.next()?).ok()?;
        rows.push((change, row(name, &text)));
    }
    Some((life, count, rows))
}

fn row(name: String, text: &str) -> Option<Row> {
    let (at, rest) = text.split_once(' ')?;
    let (until, text) = rest.split_once(' ')?;
    Some(Row { name, at_us: at.parse().ok()?, until_ms: until.parse().ok()?, text: text.to_owned() })
}
