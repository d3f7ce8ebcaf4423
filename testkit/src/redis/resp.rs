//! RESP 2: commands read, answers written.
//!
//! What they mean is in `commands`.

/// The words of a command.
pub(super) type Words = Vec<Vec<u8>>;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A word such as `OK`.
    Status(String),
    /// What went wrong, beginning with its code.
    Error(String),
    /// A number.
    Integer(i64),
    /// Bytes.
    Bulk(Vec<u8>),
    /// No bytes.
    Nil,
    /// No list.
    NoList,
    /// A list.
    List(Vec<Answer>),
}

impl Answer {
    /// It is done.
    pub(super) fn ok() -> Answer {
        Answer::Status("OK".to_owned())
    }

    /// Bytes, or none.
    pub(super) fn bulk(bytes: Option<Vec<u8>>) -> Answer {
        bytes.map_or(Answer::Nil, Answer::Bulk)
    }

    /// Yes or no, as a number.
    pub(super) fn flag(is_set: bool) -> Answer {
        Answer::Integer(is_set.into())
    }

    /// The text of bytes or of a word.
    pub fn text(&self) -> Option<String> {
        match self {
            Answer::Bulk(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            Answer::Status(text) => Some(text.clone()),
            _ => None,
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Answer::Status(text) => out.extend_from_slice(format!("+{text}\r\n").as_bytes()),
            Answer::Error(text) => out.extend_from_slice(format!("-{text}\r\n").as_bytes()),
            Answer::Integer(number) => out.extend_from_slice(format!(":{number}\r\n").as_bytes()),
            Answer::Bulk(bytes) => {
                out.extend_from_slice(format!("${}\r\n", bytes.len()).as_bytes());
                out.extend_from_slice(bytes);
                out.extend_from_slice(b"\r\n");
            }
            Answer::Nil => out.extend_from_slice(b"$-1\r\n"),
            Answer::NoList => out.extend_from_slice(b"*-1\r\n"),
            Answer::List(answers) => {
                out.extend_from_slice(format!("*{}\r\n", answers.len()).as_bytes());
                answers.iter().for_each(|answer| answer.write(out));
            }
        }
    }

    /// The first answer of these bytes, and how many bytes it has; none where it is not whole yet.
    pub fn read(bytes: &[u8]) -> Option<(Answer, usize)> {
        let end = bytes.windows(2).position(|two| two == b"\r\n")?;
        let text = String::from_utf8_lossy(&bytes[1..end]).into_owned();
        let next = end + 2;
        let number = || text.parse::<i64>().unwrap();
        Some(match bytes[0] {
            b'+' => (Answer::Status(text), next),
            b'-' => (Answer::Error(text), next),
            b':' => (Answer::Integer(number()), next),
            b'$' if number() < 0 => (Answer::Nil, next),
            b'*' if number() < 0 => (Answer::NoList, next),
            b'$' => {
                let until = next + number() as usize;
                (Answer::Bulk(bytes.get(next..until)?.to_vec()), bytes.get(until..until + 2).map(|_| until + 2)?)
            }
            b'*' => {
                let (mut list, mut next) = (Vec::new(), next);
                for _ in 0..number() {
                    let (answer, length) = Answer::read(&bytes[next..])?;
                    list.push(answer);
                    next += length;
                }
                (Answer::List(list), next)
            }
            other => panic!("{other} begins no answer"),
        })
    }
}

/// A command as it is sent.
pub fn command(words: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut out = Vec::new();
    Answer::List(words.iter().map(|word| Answer::Bulk(word.as_ref().to_vec())).collect()).write(&mut out);
    out
}

/// The commands in these bytes, which are whole.
pub(super) fn commands(mut bytes: &[u8]) -> Vec<Words> {
    let mut commands = Vec::new();
    while !bytes.is_empty() {
        let Some((Answer::List(words), length)) = Answer::read(bytes) else { panic!("half a command was sent") };
        commands.push(
            words
                .into_iter()
                .map(|word| match word {
                    Answer::Bulk(bytes) => bytes,
                    other => panic!("{other:?} is no word of a command"),
                })
                .collect(),
        );
        bytes = &bytes[length..];
    }
    commands
}
