//! Redis Cluster's hash slots: which a key is in, and whose it is. Who says whose they are is in [`super::dial`].

use super::server::Place;
use redis::Value;

/// How many slots there are.
pub(super) const SLOTS: u16 = 16_384;

/// The slot of a key: CRC-16/XMODEM of its hash tag, or of all of it (Redis Cluster specification, "Key distribution model").
pub(super) fn slot_of(key: &str) -> u16 {
    let tag = key
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'))
        .map_or(key, |(tag, _)| if tag.is_empty() { key } else { tag });
    crc16(tag.as_bytes()) % SLOTS
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        let crc = crc ^ (u16::from(*byte) << 8);
        (0..8).fold(crc, |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 })
    })
}

/// Whose the slots are: masters, by their places in a list, and for each end of a run of slots whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SlotMap {
    pub(super) masters: Vec<Place>,
    /// The last slot of each run, and the master; runs in order, without a gap.
    runs: Vec<(u16, usize)>,
}

impl SlotMap {
    /// All of them one server's.
    pub(super) fn of_one(place: Place) -> Self {
        Self { masters: vec![place], runs: vec![(SLOTS - 1, 0)] }
    }

    /// What `CLUSTER SLOTS` says, asked of `asked`; or what is wrong with it.
    pub(super) fn read(said: Value, asked: &Place) -> Result<Self, String> {
        let mut ranges: Vec<(u16, u16, Place)> = Vec::new();
        let Value::Array(rows) = said else { return Err(format!("says of its slots {said:?}")) };
        for row in rows {
            let fields = if let Value::Array(fields) = &row { &fields[..] } else { &[] };
            let [first, last, master, ..] = fields else { return Err(format!("says of a run of slots {row:?}")) };
            ranges.push((number(first)?, number(last)?, place_of(master, asked)?));
        }
        ranges.sort();
        let mut map = Self { masters: Vec::new(), runs: Vec::new() };
        let mut next = 0u32;
        for (first, last, place) in ranges {
            if u32::from(first) != next || last < first || last >= SLOTS {
                return Err(format!("leaves slot {next} to nobody"));
            }
            next = u32::from(last) + 1;
            let known = map.masters.iter().position(|master| *master == place);
            let master = known.unwrap_or_else(|| {
                map.masters.push(place);
                map.masters.len() - 1
            });
            map.runs.push((last, master));
        }
        if next != u32::from(SLOTS) {
            return Err(format!("leaves slot {next} to nobody"));
        }
        Ok(map)
    }

    /// The master of a slot, as its place in `masters`.
    pub(super) fn master_of(&self, slot: u16) -> usize {
        let run = self.runs.partition_point(|(last, _)| *last < slot);
        self.runs.get(run).map_or(0, |(_, master)| *master)
    }
}

fn number(value: &Value) -> Result<u16, String> {
    match value {
        Value::Int(number) => u16::try_from(*number).map_err(|_| format!("says of a slot {number}")),
        other => Err(format!("says of a slot {other:?}")),
    }
}

/// Address, port and more. An empty or absent address is that of the server that was asked.
fn place_of(master: &Value, asked: &Place) -> Result<Place, String> {
    let Value::Array(fields) = master else { return Err(format!("says of a master {master:?}")) };
    let host = match fields.first() {
        Some(Value::BulkString(host)) if !host.is_empty() => String::from_utf8_lossy(host).into_owned(),
        Some(Value::SimpleString(host)) if !host.is_empty() => host.clone(),
        Some(Value::BulkString(_) | Value::SimpleString(_) | Value::Nil) => asked.host.clone(),
        _ => return Err(format!("says of a master {master:?}")),
    };
    if host == "?" {
        return Err("does not know the name of one of its masters: set cluster-announce-hostname there".to_owned());
    }
    Ok(Place { host, port: number(fields.get(1).unwrap_or(&Value::Nil))? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(port: u16) -> Place {
        Place { host: "127.0.0.1".to_owned(), port }
    }

    fn row(first: i64, last: i64, host: &str, port: i64) -> Value {
        let master =
            Value::Array(vec![Value::BulkString(host.into()), Value::Int(port), Value::BulkString("id".into())]);
        Value::Array(vec![Value::Int(first), Value::Int(last), master])
    }

    #[test]
    fn a_key_is_in_the_slot_that_the_specification_says() {
        // The specification's own check value, and slots that redis-cli tells.
        assert_eq!(crc16(b"123456789"), 0x31C3);
        assert_eq!(slot_of("foo"), 12_182);
        assert_eq!(slot_of("{user1000}.following"), slot_of("{user1000}.followers"));
        assert_eq!(slot_of("{user1000}.following"), slot_of("user1000"));
        assert_eq!(slot_of("foo{}{bar}"), crc16(b"foo{}{bar}") % SLOTS);
        assert_eq!(slot_of("foo{{bar}}zap"), slot_of("{bar"));
    }

    #[test]
    fn each_slot_has_its_master() {
        let said = Value::Array(vec![row(5461, 16_383, "", 7001), row(0, 5460, "10.0.0.1", 7000)]);
        let map = SlotMap::read(said, &place(7)).unwrap();
        assert_eq!(map.masters, [Place { host: "10.0.0.1".to_owned(), port: 7000 }, place(7001)]);
        assert_eq!([0, 5460, 5461, 16_383].map(|slot| map.master_of(slot)), [0, 0, 1, 1]);
        assert_eq!([0, 16_383].map(|slot| SlotMap::of_one(place(7)).master_of(slot)), [0, 0]);
    }

    #[test]
    fn slots_that_nobody_has_are_told() {
        for (rows, told) in [
            (vec![], "leaves slot 0 to nobody"),
            (vec![row(0, 5460, "a", 1)], "leaves slot 5461 to nobody"),
            (vec![row(0, 5460, "a", 1), row(6000, 16_383, "b", 1)], "leaves slot 5461 to nobody"),
            (vec![row(0, 99_999, "a", 1)], "says of a slot 99999"),
            (vec![row(0, 16_383, "?", 1)], "cluster-announce-hostname"),
            (vec![Value::Nil], "says of a run of slots"),
        ] {
            let wrong = SlotMap::read(Value::Array(rows), &place(7)).unwrap_err();
            assert!(wrong.contains(told), "{wrong}");
        }
    }
}
