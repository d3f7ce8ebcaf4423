//! The roster of a house in tests: the list of nodes that the store keeps, in memory.
//!
//! The nodes themselves are not here.

use domain::CompanyId;
use ledger::redis::{House, Member, Members};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

/// Nodes in the order in which they came, and who has part in which company.
#[derive(Default)]
pub struct Roster {
    nodes: Mutex<Vec<Member>>,
    parts: Mutex<BTreeMap<CompanyId, Vec<String>>>,
}

impl Roster {
    /// Every company that some node has part in, in order.
    pub fn all_companies(&self) -> Vec<CompanyId> {
        self.parts.lock().unwrap().keys().copied().collect()
    }
}

impl House for Roster {
    fn id(&self) -> Result<String, String> {
        Ok("house".to_owned())
    }

    fn register(&self, node: &str, journal: &Path) -> Result<(), String> {
        let mut nodes = self.nodes.lock().unwrap();
        if !nodes.iter().any(|member| member.node == node) {
            let name = format!("node {}", nodes.len() + 1);
            nodes.push(Member { node: node.to_owned(), name, journal: journal.to_path_buf() });
        }
        Ok(())
    }

    fn enrol(&self, node: &str, companies: &[CompanyId]) -> Result<(), String> {
        let mut parts = self.parts.lock().unwrap();
        for company in companies {
            let nodes = parts.entry(*company).or_default();
            if !nodes.iter().any(|known| known == node) {
                nodes.push(node.to_owned());
            }
        }
        Ok(())
    }

    fn members(&self, company: CompanyId) -> Result<Members, String> {
        let parts = self.parts.lock().unwrap();
        let ids = parts.get(&company).cloned().unwrap_or_default();
        let nodes = self.nodes.lock().unwrap();
        let found = nodes.iter().filter(|member| ids.contains(&member.node)).cloned().collect();
        Ok(Members { version: ids.len() as u64, nodes: found })
    }

    fn companies(&self, node: &str) -> Result<Vec<CompanyId>, String> {
        let parts = self.parts.lock().unwrap();
        Ok(parts.iter().filter(|(_, ids)| ids.iter().any(|id| id == node)).map(|(company, _)| *company).collect())
    }

    fn nodes(&self) -> Result<Vec<Member>, String> {
        Ok(self.nodes.lock().unwrap().clone())
    }
}
