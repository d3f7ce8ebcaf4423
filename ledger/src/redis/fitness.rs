//! Whether a server can be trusted with money as it is set up, by what it says of itself (`INFO`). Who asks is [`super::dial`].

use super::server::Servers;
use super::settings::VERSION_MIN;

/// What is wrong with a server that says this of itself, and what would be right.
pub(super) fn unfit(info: &str, servers: &Servers) -> Option<String> {
    let said = |key: &str| {
        info.lines()
            .find_map(|line| line.trim_end().strip_prefix(key)?.strip_prefix(':').map(str::to_owned))
            .unwrap_or_default()
    };
    let version = said("redis_version");
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if (major, minor) < VERSION_MIN {
        let (least, point) = VERSION_MIN;
        return Some(format!("is version {version}: install {least}.{point} or later"));
    }
    if said("role") == "slave" {
        return Some(
            "is a replica and may not be written: name its master in ledger.url, or its Sentinels \
             (redis+sentinel://HOST,HOST/SERVICE)"
                .to_owned(),
        );
    }
    match (servers, said("cluster_enabled") == "1") {
        (Servers::Cluster { .. }, false) => {
            return Some("is no part of a cluster: write redis://HOST:PORT in ledger.url".to_owned());
        }
        (Servers::Single { .. } | Servers::Sentinel { .. }, true) => {
            return Some(
                "is part of a cluster: name some of its servers in ledger.url (redis+cluster://HOST:PORT,HOST:PORT)"
                    .to_owned(),
            );
        }
        _ => {}
    }
    if said("aof_enabled") != "1" {
        return Some(
            "keeps no append-only file, and would forget credit at a restart: set `appendonly yes` in redis.conf, or \
             `redis-cli config set appendonly yes` and then `redis-cli config rewrite`"
                .to_owned(),
        );
    }
    let policy = said("maxmemory_policy");
    if policy != "noeviction" {
        return Some(format!(
            "throws keys away when its memory is full (maxmemory-policy {policy}), and with them credit: set `maxmemory-policy \
             noeviction` in redis.conf, or `redis-cli config set maxmemory-policy noeviction` and then `redis-cli config rewrite`"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::server::Place;
    use super::*;

    const GOOD: &str = "# Server\r\nredis_version:7.0.15\r\nrole:master\r\ncluster_enabled:0\r\naof_enabled:1\r\nmaxmemory_policy:noeviction\r\n";

    fn single() -> Servers {
        Servers::Single { place: Place { host: "a".to_owned(), port: 6379 }, database: 0 }
    }

    #[test]
    fn a_server_that_cannot_be_trusted_with_money_is_told_what_to_change() {
        assert_eq!(unfit(GOOD, &single()), None);
        let wrong = [
            ("redis_version:7.0.15", "redis_version:6.2.14", "is version 6.2.14: install 7.0 or later"),
            ("role:master", "role:slave", "name its master"),
            ("cluster_enabled:0", "cluster_enabled:1", "redis+cluster://"),
            ("aof_enabled:1", "aof_enabled:0", "set `appendonly yes`"),
            (
                "noeviction",
                "allkeys-lru",
                "(maxmemory-policy allkeys-lru), and with them credit: set `maxmemory-policy noeviction`",
            ),
        ];
        for (right, instead, told) in wrong {
            let what = unfit(&GOOD.replace(right, instead), &single()).unwrap();
            assert!(what.contains(told), "{what}");
        }
        assert!(unfit("", &single()).is_some(), "a server that says nothing of itself");
        assert_eq!(unfit(&GOOD.replace("7.0.15", "10.1.0"), &single()), None);
    }

    #[test]
    fn a_server_of_a_cluster_is_one_of_a_cluster() {
        let cluster = Servers::Cluster { seeds: Vec::new() };
        assert_eq!(unfit(&GOOD.replace("cluster_enabled:0", "cluster_enabled:1"), &cluster), None);
        assert!(unfit(GOOD, &cluster).unwrap().contains("is no part of a cluster"));
    }
}
