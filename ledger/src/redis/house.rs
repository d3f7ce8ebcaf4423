//! Whose Redis this is: the nodes that share it, what each has to do with a company, and where its journal is. Who keeps that list
//! durably (the store) is not here.

use domain::CompanyId;
use std::path::{Path, PathBuf};

/// A node whose journal has part in what a company has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// The id of its journal, 32 hexadecimal digits.
    pub node: String,
    /// What people call it.
    pub name: String,
    /// Its journal's file, on this host.
    pub journal: PathBuf,
}

/// The nodes that have part in a company, in the order in which they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members {
    /// Grows with each node: of two lists the one with the higher version is newer.
    pub version: u64,
    /// Who.
    pub nodes: Vec<Member>,
}

/// The nodes of one store. Every method may block for milliseconds, and fails with a sentence.
pub trait House: Send + Sync {
    /// The store's id: Redis belongs to one.
    fn id(&self) -> Result<String, String>;

    /// Notes this node before it writes anything; durable when it returns. Refuses one that was retired, and a name that another has.
    fn register(&self, node: &str, journal: &Path) -> Result<(), String>;

    /// Notes that this node is about to have part in these companies; durable when it returns.
    fn enrol(&self, node: &str, companies: &[CompanyId]) -> Result<(), String>;

    /// Who has part in a company.
    fn members(&self, company: CompanyId) -> Result<Members, String>;

    /// The companies in which a node has part, whether its journal has rows of them or not.
    fn companies(&self, node: &str) -> Result<Vec<CompanyId>, String>;

    /// Every node that ever was, retired ones too.
    fn nodes(&self) -> Result<Vec<Member>, String>;
}

/// The house of a node that has its Redis to itself.
pub(super) struct Alone {
    pub(super) me: Member,
}

impl House for Alone {
    fn id(&self) -> Result<String, String> {
        Ok(self.me.node.clone())
    }

    fn register(&self, _: &str, _: &Path) -> Result<(), String> {
        Ok(())
    }

    fn enrol(&self, _: &str, _: &[CompanyId]) -> Result<(), String> {
        Ok(())
    }

    fn members(&self, _: CompanyId) -> Result<Members, String> {
        Ok(Members { version: 1, nodes: vec![self.me.clone()] })
    }

    fn companies(&self, _: &str) -> Result<Vec<CompanyId>, String> {
        Ok(Vec::new())
    }

    fn nodes(&self) -> Result<Vec<Member>, String> {
        Ok(vec![self.me.clone()])
    }
}
