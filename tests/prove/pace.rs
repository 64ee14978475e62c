Pace {
    poll_interval: Duration::from_secs(1),
    slow_interval: Duration::from_secs(30),
    retry_min: Duration::from_millis(20),
    retry_max: Duration::from_secs(1),
    request_timeout: Duration::from_secs(10),
    unseal_timeout: Duration::from_secs(100),
    presence: true,
    resolve_interval: Duration::from_secs(30),
    forget_after: Duration::from_secs(3600),
}
