//! systemd's opinion of the clock (org.freedesktop.timedate1(5)).

use super::Error;

#[zbus::proxy(
    interface = "org.freedesktop.timedate1",
    default_service = "org.freedesktop.timedate1",
    default_path = "/org/freedesktop/timedate1"
)]
trait Timedate {
    /// Whether the kernel says that something keeps the clock right.
    #[zbus(property, name = "NTPSynchronized")]
    fn ntp_synchronized(&self) -> zbus::Result<bool>;
}

/// Whether the clock is kept right by NTP.
pub async fn clock_is_synchronised() -> Result<bool, Error> {
    let connection = zbus::Connection::system().await?;
    Ok(TimedateProxy::new(&connection).await?.ntp_synchronized().await?)
}
