{
  "name": "Minimal",
  "description": "As little as possible",
  "supportedInterfaces": [
    {
      "url": "https://example.com/a2a",
      "protocolBinding": "JSONRPC",
      "protocolVersion": "1.0"
    }
  ],
  "version": "1.0.0",
  "capabilities": {},
  "defaultInputModes": [
    "text/plain"
  ],
  "defaultOutputModes": [
    "text/plain"
  ],
  "skills": [
    {
      "id": "echo",
      "name": "Echo",
      "description": "Repeats",
      "tags": [
        "test"
      ]
    }
  ],
  "signatures": [
    {
      "protected": "eyJraWQiOiJlczI1NiIsImFsZyI6IkVTMjU2IiwidHlwIjoiSk9TRSIsImprdSI6Imh0dHBzOi8vZXhhbXBsZS5jb20vandrcy5qc29uIn0",
      "signature": "K2BiIXVCaFFS2CMO0P9ypsJDIk9dBqVs9DwzZpEaAVcHzG9RfGVRkeRXCas55YQ0y53Zp9-clbUlIqi94ICcag"
    },
    {
      "protected": "eyJraWQiOiJlZGRzYSIsImFsZyI6IkVkRFNBIiwidHlwIjoiSk9TRSIsImprdSI6Imh0dHBzOi8vZXhhbXBsZS5jb20vandrcy5qc29uIn0",
      "signature": "eSAehXfqNbrWqi_jKFWMmGnYTxfOrh8kSEJ7mwIjycgir_KNkyzHPHpiVIM85z2i8MxtH7rLKCBYzaUPOtBNAA"
    },
    {
      "protected": "eyJraWQiOiJyczI1NiIsImFsZyI6IlJTMjU2IiwidHlwIjoiSk9TRSIsImprdSI6Imh0dHBzOi8vZXhhbXBsZS5jb20vandrcy5qc29uIn0",
      "signature": "f9dwq6R8wo1y76Wm_L3pUPcL3CTFMB3kAskwWmE7p3-ZQypdlkK6c5nUuMMHJbk4kM6wHeH4Nkw0oJfk5IBJQY--sfQp1JJjdko2JvbAUYcIfIdKW9vcx0zD6ndk7GYKRxULitDeig-8NCOdLt3nL3aW9a8WDQKiUnEoJZmDiYGhpkufOWbp3pbTb2j3nkP9jCbzuPa6lNx0KlcBeHWNv_wNwPxIT86hC8mleIVPuU2AjalZMwaJGHx_XYUHsqQx78ARHLwJhlr0eN1FbCsVIyy-aYrAf6qo9rtgXNxnVt1R8Nbx2CnK88JAbOD8lIHj5VbQkru5INnGD67Up_tRsg"
    }
  ]
}
