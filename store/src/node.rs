//! The nodes that share this store: who they are, where their journals are, and in which companies they have a part.
//!
//! What stands in the journals does not live here, nor whether a node is alive.

use crate::{Error, Result, Store};
use domain::{CompanyId, Wall};
use rusqlite::{OptionalExtension, Row, params};
use std::path::{Path, PathBuf};

/// A node that has been seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its journal's id, 32 hexadecimal digits.
    pub id: String,
    /// What people call it (`node.name`).
    pub name: String,
    /// Its journal's file.
    pub journal: PathBuf,
    /// When it first started.
    pub first_seen: Wall,
    /// Since when it never starts again.
    pub retired: Option<Wall>,
}

const COLUMNS: &str = "id, name, journal, first_seen_us, retired_us";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Node> {
    Ok(Node {
        id: row.get(0)?,
        name: row.get(1)?,
        journal: PathBuf::from(row.get::<_, String>(2)?),
        first_seen: Wall::from_unix_micros(row.get(3)?),
        retired: row.get::<_, Option<i64>>(4)?.map(Wall::from_unix_micros),
    })
}

impl Store {
    /// The id of this store, by which a Redis knows whose ledger it keeps.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn house(&self) -> Result<String> {
        self.read(|connection| Ok(connection.query_row("SELECT id FROM house LIMIT 1", [], |row| row.get(0))?))
    }

    /// What the nodes sign routes with: nobody but they knows it.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn route_key(&self) -> Result<[u8; 32]> {
        self.read(|connection| Ok(connection.query_row("SELECT route_key FROM house LIMIT 1", [], |row| row.get(0))?))
    }

    /// Notes a node; where its journal has moved, the new place.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it was retired, or its name is that of a node with another journal; [`Error::Database`].
    pub fn register_node(&self, id: &str, name: &str, journal: &Path, now: Wall) -> Result<()> {
        let path = journal.display().to_string();
        self.write(|transaction| {
            let sql = format!("SELECT {COLUMNS} FROM nodes WHERE id = ?1 OR name = ?2 ORDER BY id = ?1 DESC LIMIT 1");
            let known = transaction.query_row(&sql, [id, name], from_row).optional()?;
            match known {
                Some(node) if node.retired.is_some() => Err(Error::invalid(
                    "node.name",
                    format!("node {} was retired: give this one another name and a journal of its own", node.name),
                )),
                Some(node) if node.id != id => Err(Error::invalid(
                    "node.name",
                    format!(
                        "there is a node {} with the journal {}: give this one another name, or that journal back",
                        node.name,
                        node.journal.display()
                    ),
                )),
                Some(_) => {
                    let sql =
                        "UPDATE nodes SET name = ?2, journal = ?3 WHERE id = ?1 AND (name <> ?2 OR journal <> ?3)";
                    transaction.execute(sql, [id, name, &path])?;
                    Ok(())
                }
                None => {
                    let sql = "INSERT INTO nodes VALUES (?1, ?2, ?3, ?4, NULL)";
                    transaction.execute(sql, params![id, name, path, now.as_unix_micros()])?;
                    Ok(())
                }
            }
        })
    }

    /// Every node, in the order in which they came.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn nodes(&self) -> Result<Vec<Node>> {
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM nodes ORDER BY first_seen_us, id");
            let mut found = connection.prepare_cached(&sql)?;
            let nodes = found.query_map([], from_row)?;
            Ok(nodes.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// A node never starts again. Its journal stays part of the record. False where it was so already.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn retire_node(&self, id: &str, now: Wall) -> Result<bool> {
        self.write(|transaction| {
            let sql = "UPDATE nodes SET retired_us = ?2 WHERE id = ?1 AND retired_us IS NULL";
            Ok(transaction.execute(sql, params![id, now.as_unix_micros()])? > 0)
        })
    }

    /// Notes that a node has a part in these companies.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn enrol_node(&self, id: &str, companies: &[CompanyId]) -> Result<()> {
        let known = self.companies_of_node(id)?;
        let new: Vec<&CompanyId> = companies.iter().filter(|company| !known.contains(company)).collect();
        if new.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            let mut insert = transaction.prepare_cached("INSERT OR IGNORE INTO node_parts VALUES (?1, ?2)")?;
            for company in new {
                insert.execute([company.to_string().as_str(), id])?;
            }
            Ok(())
        })
    }

    /// The companies in which a node has a part.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn companies_of_node(&self, id: &str) -> Result<Vec<CompanyId>> {
        self.read(|connection| {
            let mut found =
                connection.prepare_cached("SELECT company FROM node_parts WHERE node = ?1 ORDER BY company")?;
            let texts = found.query_map([id], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
            Ok(texts.iter().filter_map(|text| text.parse().ok()).collect())
        })
    }

    /// The nodes that have a part in a company, in the order in which they came.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn nodes_of_company(&self, company: CompanyId) -> Result<Vec<Node>> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM nodes WHERE id IN (SELECT node FROM node_parts WHERE company = ?1)
                 ORDER BY first_seen_us, id"
            );
            let mut found = connection.prepare_cached(&sql)?;
            let nodes = found.query_map([company.to_string()], from_row)?;
            Ok(nodes.collect::<rusqlite::Result<_>>()?)
        })
    }
}
